package ldap

import (
	"errors"
	"fmt"
	"io"

	"jamf-ldap-proxy/internal/ber"
)

const (
	firstBuffer = 1 << 10  // what an idle connection holds
	readAhead   = 16 << 10 // what more than one message at a time may grow it to
	keepBuffer  = 64 << 10

	maxEmptyReads = 100 // as bufio; net.Pipe hands on an empty write as one
)

// Framer cuts a byte stream into LDAP messages. Its memory follows the bytes
// received, never the length a header claims: six bytes that announce a
// gigabyte cost nothing.
type Framer struct {
	r          io.Reader
	buf        []byte
	start, end int
	full       bool // the last read left no free space
}

// NewFramer reads from r.
func NewFramer(r io.Reader) *Framer { return &Framer{r: r} }

// FrameError says why the stream cannot be cut any further.
type FrameError struct {
	Reason string
	First  byte  // the octet where a message was due
	Length int64 // claimed length of the contents, when that is the reason
	Max    int64
}

func (e *FrameError) Error() string {
	if e.Max > 0 {
		return fmt.Sprintf("%v: message with %d octets of contents exceeds the limit of %d", ErrMalformed, e.Length, e.Max)
	}
	return fmt.Sprintf("%v: %s (first octet 0x%02x)", ErrMalformed, e.Reason, e.First)
}

func (e *FrameError) Unwrap() error { return ErrMalformed }

// Buffered is the number of octets read but not yet returned.
func (f *Framer) Buffered() int { return f.end - f.start }

// HasFrame tells whether a message, or octets that are none, lie in the
// buffer, so that Next returns without reading.
func (f *Framer) HasFrame() bool {
	size, length, err := f.header(1 << 62)
	return err != nil || size > 0 && int64(f.Buffered()-size) >= length
}

// Next returns the next message, complete with its header and no longer than
// max octets. The slice is valid until the next call. When a message has begun
// but has not fully arrived, partial is called once before reading on, so that
// the caller can move its deadline. io.EOF is returned only between messages.
func (f *Framer) Next(max int64, partial func()) ([]byte, error) {
	for {
		size, length, err := f.header(max)
		if err != nil {
			return nil, err
		}
		if size > 0 && int64(f.Buffered()-size) >= length {
			total := size + int(length)
			frame := f.buf[f.start : f.start+total : f.start+total]
			f.start += total
			return frame, nil
		}
		if f.Buffered() > 0 && partial != nil {
			partial()
			partial = nil
		}
		if err := f.fill(); err != nil {
			if errors.Is(err, io.EOF) && f.Buffered() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func (f *Framer) header(max int64) (size int, length int64, err error) {
	in := f.buf[f.start:f.end]
	if len(in) == 0 {
		return 0, 0, nil
	}
	if ber.Tag(in[0]) != ber.Sequence {
		return 0, 0, &FrameError{Reason: "not an LDAP message", First: in[0]}
	}
	_, size, length, err = ber.Header(in)
	if err != nil {
		return 0, 0, &FrameError{Reason: err.Error(), First: in[0]}
	}
	if length > max-int64(size) {
		return 0, 0, &FrameError{Reason: "message too long", First: in[0], Length: length, Max: max}
	}
	return size, length, nil
}

// fill reads once into free space, which it makes by moving, growing to twice
// the size, or, when nothing is left over, starting small again. A read that
// came back full means that more is waiting: then it grows as well, so that an
// answer of many entries takes few reads.
func (f *Framer) fill() error {
	if f.start == f.end {
		f.start, f.end = 0, 0
		if len(f.buf) > keepBuffer {
			clear(f.buf)
			f.buf = nil
		}
	}
	switch {
	case f.end-f.start == len(f.buf), f.full && len(f.buf) < readAhead:
		f.grow()
	case f.end == len(f.buf):
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	for range maxEmptyReads {
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		f.full = f.end == len(f.buf)
		if n > 0 {
			return nil // an error that came along comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// grow moves what is left over into a buffer of twice the size.
func (f *Framer) grow() {
	bigger := make([]byte, max(firstBuffer, 2*len(f.buf)))
	f.end = copy(bigger, f.buf[f.start:f.end])
	f.start = 0
	clear(f.buf) // Wipe cannot reach what is left behind here
	f.buf = bigger
}

// Wipe overwrites everything the framer holds, for connections that carried a
// password.
func (f *Framer) Wipe() {
	clear(f.buf)
	f.start, f.end = 0, 0
}
