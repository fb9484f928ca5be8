package proxy

import (
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	flushAt    = 32 << 10  // a buffer longer than this is written at once
	keepAtMost = 128 << 10 // larger buffers go to the garbage collector
	writeChunk = 64 << 10  // each has limits.write_stall of its own
)

// buffers is shared by all sessions, so that an idle connection holds no write
// buffer at all. It stores pointers because a slice in an interface would be
// allocated on every Put.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= keepAtMost {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// writer is the one way to the client. Messages are appended whole under mu
// and written under mu: a client that does not read holds up its own
// operations and nobody else's.
type writer struct {
	stall time.Duration
	trace func(direction string, message []byte) // nil unless Config.Trace

	mu   sync.Mutex
	conn net.Conn
	buf  *[]byte   // from buffers; nil while there is nothing to write
	err  error     // the first failure; the connection is useless from then on
	late time.Time // when the write deadline has to be moved; see allow
}

// append runs encode on the buffer. The caller holds mu.
func (w *writer) append(encode func(dst []byte) []byte) (added int) {
	if w.buf == nil {
		w.buf = getBuffer()
	}
	before := len(*w.buf)
	*w.buf = encode(*w.buf)
	if w.trace != nil && len(*w.buf) > before {
		w.trace("to client", (*w.buf)[before:])
	}
	return len(*w.buf) - before
}

// flush writes what was appended. The caller holds mu.
func (w *writer) flush() error {
	if w.buf == nil || w.err != nil {
		return w.err
	}
	for rest := *w.buf; len(rest) > 0 && w.err == nil; {
		chunk := rest[:min(len(rest), writeChunk)]
		rest = rest[len(chunk):]
		w.allow(time.Now())
		if _, err := w.conn.Write(chunk); err != nil {
			w.err = fmt.Errorf("%w: %w", errClientGone, err)
		}
	}
	putBuffer(w.buf)
	w.buf = nil
	return w.err
}

// allow gives a write at least limits.write_stall and at most a quarter more.
// Moving a deadline moves a timer of the runtime, which would be one of the
// dearest things in a lookup; so it is moved for many writes at once.
func (w *writer) allow(now time.Time) {
	if now.Before(w.late) {
		return
	}
	_ = w.conn.SetWriteDeadline(now.Add(w.stall + w.stall/4))
	w.late = now.Add(w.stall / 4)
}

// emit appends one message of an operation and, if the buffer is long, writes
// it. Nothing leaves for an operation that was abandoned.
func (o *operation) emit(encode func(dst []byte) []byte) error {
	w := &o.session.out
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case o.gone.Load():
		return errAbandoned
	case w.err != nil:
		return w.err
	}
	o.rec.Bytes += int64(w.append(encode))
	if len(*w.buf) > flushAt {
		return w.flush()
	}
	return nil
}

// flush writes what this and other operations have appended.
func (o *operation) flush() error {
	w := &o.session.out
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}
