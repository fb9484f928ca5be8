package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// Application tags of the protocol operations, RFC 4511 section 4.2 to 4.14.
const (
	OpBindRequest           ber.Tag = 0x60
	OpBindResponse          ber.Tag = 0x61
	OpUnbindRequest         ber.Tag = 0x42
	OpSearchRequest         ber.Tag = 0x63
	OpSearchResultEntry     ber.Tag = 0x64
	OpSearchResultDone      ber.Tag = 0x65
	OpModifyRequest         ber.Tag = 0x66
	OpModifyResponse        ber.Tag = 0x67
	OpAddRequest            ber.Tag = 0x68
	OpAddResponse           ber.Tag = 0x69
	OpDelRequest            ber.Tag = 0x4a
	OpDelResponse           ber.Tag = 0x6b
	OpModifyDNRequest       ber.Tag = 0x6c
	OpModifyDNResponse      ber.Tag = 0x6d
	OpCompareRequest        ber.Tag = 0x6e
	OpCompareResponse       ber.Tag = 0x6f
	OpAbandonRequest        ber.Tag = 0x50
	OpSearchResultReference ber.Tag = 0x73
	OpExtendedRequest       ber.Tag = 0x77
	OpExtendedResponse      ber.Tag = 0x78
	OpIntermediateResponse  ber.Tag = 0x79
)

const tagControls = ber.Tag(0xa0)

// Message is one LDAPMessage (RFC 4511 section 4.1.1), split but not decoded.
type Message struct {
	ID       int32
	Op       ber.Tag
	Body     []byte // contents of the operation
	Controls []byte // contents of the controls element, nil without one
	Tail     []byte // operation and controls as they came; see AppendEnvelope
}

// ParseMessage splits one complete frame. The parts share the frame's memory.
func ParseMessage(frame []byte) (Message, error) {
	outer := ber.Read(frame)
	contents, err := outer.Expect(ber.Sequence)
	if err != nil {
		return Message{}, malformed("envelope", err)
	}
	if !outer.Empty() {
		return Message{}, malformed("envelope", errors.New("octets behind the message"))
	}
	r := ber.Read(contents)
	m := Message{}
	if m.ID, err = r.Int(ber.Integer); err != nil {
		return m, malformed("message ID", err)
	}
	if m.ID < 0 {
		return m, malformed("message ID", errors.New("negative"))
	}
	m.Tail = r.Rest()
	if m.Op, m.Body, err = r.Next(); err != nil {
		return m, malformed("operation", err)
	}
	if r.Peek() == tagControls {
		if _, m.Controls, err = r.Next(); err != nil {
			return m, malformed("controls", err)
		}
	}
	// RFC 4511 leaves room for extensions behind the controls; nobody sends
	// any, and an element there is more likely an attempt to hide one.
	if !r.Empty() {
		return m, malformed("envelope", errors.New("element behind the controls"))
	}
	return m, nil
}

// AppendEnvelope appends a message that carries tail, the Tail of another
// message, under a new ID. This is how an entry passes through: no decoding,
// no allocation.
func AppendEnvelope(dst []byte, id int32, tail []byte) []byte {
	dst = ber.AppendHeader(dst, ber.Sequence, intSize(id)+len(tail))
	dst = ber.AppendInt(dst, ber.Integer, id)
	return append(dst, tail...)
}

func intSize(v int32) int {
	switch {
	case v < 1<<7:
		return 3
	case v < 1<<15:
		return 4
	case v < 1<<23:
		return 5
	default:
		return 6
	}
}

// BeginMessage starts a message of about expect octets; write the operation,
// the controls if any, and call ber.End with the returned mark and the same
// expect.
func BeginMessage(dst []byte, id int32, expect int) ([]byte, ber.Mark) {
	dst, m := ber.Begin(dst, ber.Sequence, expect)
	return ber.AppendInt(dst, ber.Integer, id), m
}

// AppendOperation appends a whole message: an encoded operation and, when
// controls is not nil, the contents of its controls element.
func AppendOperation(dst []byte, id int32, op ber.Tag, body, controls []byte) []byte {
	size := intSize(id) + ber.HeaderSize(len(body)) + len(body)
	if controls != nil {
		size += ber.HeaderSize(len(controls)) + len(controls)
	}
	dst = ber.AppendHeader(dst, ber.Sequence, size)
	dst = ber.AppendInt(dst, ber.Integer, id)
	dst = ber.Append(dst, op, body)
	if controls != nil {
		dst = ber.Append(dst, tagControls, controls)
	}
	return dst
}

// ResponseOp returns the tag of the response that answers a request, 0 when
// none is due (unbind, abandon) or the operation is not known.
func ResponseOp(request ber.Tag) ber.Tag {
	switch request {
	case OpBindRequest:
		return OpBindResponse
	case OpSearchRequest:
		return OpSearchResultDone
	case OpModifyRequest:
		return OpModifyResponse
	case OpAddRequest:
		return OpAddResponse
	case OpDelRequest:
		return OpDelResponse
	case OpModifyDNRequest:
		return OpModifyDNResponse
	case OpCompareRequest:
		return OpCompareResponse
	case OpExtendedRequest:
		return OpExtendedResponse
	}
	return 0
}
