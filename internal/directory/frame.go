package directory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// slapd's limits on the size of one message, before and after a bind
// (sockbuf_max_incoming and sockbuf_max_incoming_auth).
const (
	maxMessage      = 256 << 10
	maxMessageBound = 4 << 20
)

// Limits on what is inside a message. asn1-ber makes a packet of some 200
// octets from each element, so elements are counted before it sees them.
const (
	maxNesting  = 100
	maxElements = 100_000
)

var (
	errMalformed = errors.New("malformed message")
	errTooLarge  = errors.New("message too large")
)

// readFrame reads the octets of one LDAPMessage: a SEQUENCE of definite length
// (RFC 4511 section 5.1 forbids the indefinite form). The buffer grows with the
// octets that arrive, not with the length that a header promises.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, fmt.Errorf("message starts with %#x: %w", head[0], errMalformed)
	}
	length := int(head[1])
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 {
			return nil, fmt.Errorf("message has length octet %#x: %w", length, errMalformed)
		}
		head = head[:2+n]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, noEOF(err)
		}
		length = 0
		for _, b := range head[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > limit {
		return nil, fmt.Errorf("message of %d octets, limit %d: %w", length, limit, errTooLarge)
	}
	var frame bytes.Buffer
	frame.Write(head)
	if _, err := io.CopyN(&frame, r, int64(length)); err != nil {
		return nil, noEOF(err)
	}
	return frame.Bytes(), nil
}

// noEOF turns the end of the stream inside a message into an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkShape walks the elements of one complete BER value and reports an error
// when they do not fit into each other, nest too deeply or are too many.
func checkShape(data []byte) error {
	count := 0
	rest, err := checkElement(data, 0, &count)
	if err == nil && len(rest) != 0 {
		return errMalformed
	}
	return err
}

// checkElement checks the element at the start of data and returns what follows.
func checkElement(data []byte, depth int, count *int) ([]byte, error) {
	if *count++; depth > maxNesting || *count > maxElements {
		return nil, errTooLarge
	}
	content, rest, err := cutElement(data)
	if err != nil {
		return nil, err
	}
	const constructed = 0x20
	if data[0]&constructed == 0 {
		return rest, nil
	}
	for len(content) > 0 {
		if content, err = checkElement(content, depth+1, count); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// cutElement splits data behind its first element. LDAP has no tags above 30.
func cutElement(data []byte) (content, rest []byte, err error) {
	if len(data) < 2 || data[0]&0x1f == 0x1f {
		return nil, nil, errMalformed
	}
	length, data := int(data[1]), data[2:]
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(data) < n {
			return nil, nil, errMalformed
		}
		length = 0
		for _, b := range data[:n] {
			length = length<<8 | int(b)
		}
		data = data[n:]
	}
	if length > len(data) {
		return nil, nil, errMalformed
	}
	return data[:length], data[length:], nil
}
