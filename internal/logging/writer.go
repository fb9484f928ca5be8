package logging

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// batchDelay is how long the first line of a batch waits for company: one
	// write call for many lookups, yet at once for a reader.
	batchDelay = 20 * time.Millisecond
	// batchSize ends that wait, in bytes.
	batchSize = 64 << 10
	// maxPending bounds what waits for a stuck output, in bytes: some 5,000 lookups.
	maxPending = 4 << 20
	// stuckAfter bounds how long Sync and Close wait for the output.
	stuckAfter = 2 * time.Second
)

var errStuck = errors.New("log output accepts no data")

// writer is a zapcore.WriteSyncer that never blocks and that survives errors of
// its output. zapcore.BufferedWriteSyncer does neither: its lock is held during
// output, and after one failed write its bufio.Writer fails forever.
type writer struct {
	out    io.Writer
	onDrop func()
	notice func(lost int) []byte

	mu      sync.Mutex
	pending []byte // whole lines
	lost    int    // lines lost since the last notice
	closed  bool

	wake chan struct{}      // there is something pending
	full chan struct{}      // there is a batch pending
	sync chan chan struct{} // closes the inner channel when all pending is out
	stop chan struct{}
	done chan struct{}
}

func newWriter(out io.Writer, onDrop func(), notice func(lost int) []byte) *writer {
	if onDrop == nil {
		onDrop = func() {}
	}
	w := &writer{
		out: out, onDrop: onDrop, notice: notice,
		wake: make(chan struct{}, 1),
		full: make(chan struct{}, 1),
		sync: make(chan chan struct{}, 1),
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	go w.drain()
	return w
}

// Write queues one line. It always reports success: nobody who logs can help.
func (w *writer) Write(line []byte) (int, error) {
	size := w.add(line)
	if size < 0 {
		w.onDrop()
		return len(line), nil
	}
	signal(w.wake)
	if size >= batchSize {
		signal(w.full)
	}
	return len(line), nil
}

// add returns how many bytes are pending with the line, or -1 if it was lost.
func (w *writer) add(line []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.pending)+len(line) > maxPending {
		w.lost++
		return -1
	}
	w.pending = append(w.pending, line...)
	return len(w.pending)
}

// signal sets a flag that the receiver has not seen yet, or leaves it set.
func signal(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// Sync waits until what is pending has been written. Zap calls it before the
// process ends on a fatal error.
func (w *writer) Sync() error {
	timeout := time.NewTimer(stuckAfter)
	defer timeout.Stop()
	written := make(chan struct{})
	select {
	case w.sync <- written:
	case <-w.done:
		return nil
	case <-timeout.C:
		return errStuck
	}
	select {
	case <-written:
		return nil
	case <-w.done:
		return nil
	case <-timeout.C:
		return errStuck
	}
}

// Close writes what is pending and ends the goroutine, unless the output is stuck.
func (w *writer) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		close(w.stop)
	}
	select {
	case <-w.done:
		return nil
	case <-time.After(stuckAfter):
		return errStuck
	}
}

// drain is the writer's goroutine and the only one that touches the output.
func (w *writer) drain() {
	defer close(w.done)
	var spare []byte
	for {
		select {
		case <-w.wake:
			w.linger()
			spare = w.flush(spare)
		case written := <-w.sync:
			spare = w.flush(spare)
			close(written)
		case <-w.stop:
			w.flush(spare)
			return
		}
	}
}

// linger lets a batch grow, but not while somebody waits for the end. A flag left
// over from an earlier batch only makes this one small.
func (w *writer) linger() {
	delay := time.NewTimer(batchDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-w.full:
	case <-w.stop:
	}
}

// flush writes what is pending while new lines gather in spare, and returns the
// written buffer as the next spare one.
func (w *writer) flush(spare []byte) []byte {
	w.mu.Lock()
	batch, lost := w.pending, w.lost
	w.pending, w.lost = spare[:0], 0
	w.mu.Unlock()

	if len(batch) > 0 {
		if _, err := w.out.Write(batch); err != nil {
			lost += w.loseLines(batch)
		}
	}
	if lost > 0 {
		if _, err := w.out.Write(w.notice(lost)); err != nil {
			w.mu.Lock()
			w.lost += lost // say it when the output works again
			w.mu.Unlock()
		}
	}
	if cap(batch) > maxPending/4 {
		return nil // a burst is over; do not keep its memory
	}
	return batch
}

func (w *writer) loseLines(batch []byte) int {
	n := bytes.Count(batch, []byte{'\n'})
	for range n {
		w.onDrop()
	}
	return n
}
