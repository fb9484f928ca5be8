// Package ber reads and writes the subset of the Basic Encoding Rules that
// LDAP uses (RFC 4511 section 5.1): definite lengths, tag numbers below 31.
//
// Nothing here allocates. A Reader hands out parts of its input; an encoder
// appends to a slice that the caller owns. Lengths that are longer than they
// need to be are legal and accepted (Active Directory sends them); the
// indefinite form is not.
package ber

import (
	"errors"
	"fmt"
)

// Tag is an identifier octet: class, primitive or constructed, tag number.
type Tag byte

// Universal types used by LDAP.
const (
	Boolean     Tag = 0x01
	Integer     Tag = 0x02
	OctetString Tag = 0x04
	Null        Tag = 0x05
	Enumerated  Tag = 0x0a
	Sequence    Tag = 0x30
	Set         Tag = 0x31
)

// Context returns the primitive context-specific tag [n].
func Context(n byte) Tag { return Tag(0x80 | n) }

// ContextConstructed returns the constructed context-specific tag [n].
func ContextConstructed(n byte) Tag { return Tag(0xa0 | n) }

// Errors of the decoder. A syntax error never says more of the input than a
// position, because the input may hold a password.
var (
	ErrTruncated  = errors.New("ber: element is missing or longer than what holds it")
	ErrIndefinite = errors.New("ber: indefinite length is not allowed in LDAP")
	ErrTagNumber  = errors.New("ber: tag number above 30 is not used in LDAP")
	ErrLength     = errors.New("ber: length has more than 8 octets or is too large")
	ErrInteger    = errors.New("ber: integer is empty or out of range")
	ErrBoolean    = errors.New("ber: boolean is not one octet")
)

// Bytes is what a Reader reads: a []byte whose parts share its memory, or a
// string whose parts can be kept for ever.
type Bytes interface{ ~string | ~[]byte }

// Header reads one identifier and length from the start of in.
// It returns the tag, the size of the header and the length of the contents
// in octets. size is 0 when in ends before the header does: read more and
// call again.
func Header[T Bytes](in T) (tag Tag, size int, length int64, err error) {
	if len(in) == 0 {
		return 0, 0, 0, nil
	}
	tag = Tag(in[0])
	if tag&0x1f == 0x1f {
		return tag, 0, 0, ErrTagNumber
	}
	if len(in) < 2 {
		return tag, 0, 0, nil
	}
	first := in[1]
	if first < 0x80 {
		return tag, 2, int64(first), nil
	}
	octets := int(first & 0x7f)
	switch {
	case first == 0x80:
		return tag, 0, 0, ErrIndefinite
	case octets > 8:
		return tag, 0, 0, ErrLength
	case len(in) < 2+octets:
		return tag, 0, 0, nil
	}
	for i := 0; i < octets; i++ {
		if length > (1<<55)-1 {
			return tag, 0, 0, ErrLength
		}
		length = length<<8 | int64(in[2+i])
	}
	return tag, 2 + octets, length, nil
}

// Reader walks the elements of constructed contents, one level deep. The zero
// value is an empty reader.
type Reader[T Bytes] struct{ rest T }

// Read returns a Reader of in.
func Read[T Bytes](in T) Reader[T] { return Reader[T]{in} }

// Empty tells whether every element was read.
func (r *Reader[T]) Empty() bool { return len(r.rest) == 0 }

// Rest returns what was not read yet.
func (r *Reader[T]) Rest() T { return r.rest }

// Peek returns the tag of the next element, 0 at the end.
func (r *Reader[T]) Peek() Tag {
	if len(r.rest) == 0 {
		return 0
	}
	return Tag(r.rest[0])
}

// Next returns the tag and contents of the next element.
func (r *Reader[T]) Next() (Tag, T, error) {
	var none T
	tag, size, length, err := Header(r.rest)
	if err != nil {
		return 0, none, err
	}
	if size == 0 || length > int64(len(r.rest)-size) {
		return 0, none, ErrTruncated
	}
	end := size + int(length)
	contents := r.rest[size:end]
	r.rest = r.rest[end:]
	return tag, contents, nil
}

// Expect returns the contents of the next element, which must carry tag.
func (r *Reader[T]) Expect(tag Tag) (T, error) {
	got, contents, err := r.Next()
	if err == nil && got != tag {
		var none T
		return none, fmt.Errorf("ber: tag 0x%02x where 0x%02x is due", byte(got), byte(tag))
	}
	return contents, err
}

// Int reads an INTEGER or ENUMERATED with the given tag that fits 32 bits.
func (r *Reader[T]) Int(tag Tag) (int32, error) {
	contents, err := r.Expect(tag)
	if err != nil {
		return 0, err
	}
	return ParseInt(contents)
}

// Bool reads a BOOLEAN with the given tag; any value but 0 is true, as BER
// allows and clients send.
func (r *Reader[T]) Bool(tag Tag) (bool, error) {
	contents, err := r.Expect(tag)
	if err != nil {
		return false, err
	}
	if len(contents) != 1 {
		return false, ErrBoolean
	}
	return contents[0] != 0, nil
}

// ParseInt decodes the contents of an INTEGER that fits 32 bits. Leading
// octets that only repeat the sign are accepted.
func ParseInt[T Bytes](contents T) (int32, error) {
	if len(contents) == 0 || len(contents) > 8 {
		return 0, ErrInteger
	}
	v := int64(int8(contents[0]))
	for i := 1; i < len(contents); i++ {
		v = v<<8 | int64(contents[i])
	}
	if v != int64(int32(v)) {
		return 0, ErrInteger
	}
	return int32(v), nil
}
