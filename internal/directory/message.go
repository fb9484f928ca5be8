package directory

import (
	"fmt"
	"math"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Application tags of the requests and responses of RFC 4511 section 4.
const (
	opBind           = 0
	opBindDone       = 1
	opUnbind         = 2
	opSearch         = 3
	opEntry          = 4
	opSearchDone     = 5
	opModify         = 6
	opAdd            = 8
	opDelete         = 10
	opModifyDN       = 12
	opCompare        = 14
	opAbandon        = 16
	opExtended       = 23
	opExtendedAnswer = 24
)

// message is a decoded LDAPMessage.
type message struct {
	id       int64
	op       *ber.Packet
	controls []control
}

type control struct {
	oid      string
	critical bool
	value    []byte
}

// decodeMessage decodes a frame. What it accepts can be walked without
// surprises: sizes and nesting are checked, and the operation is an application
// element.
func decodeMessage(frame []byte) (*message, error) {
	if err := checkShape(frame); err != nil {
		return nil, err
	}
	p, err := ber.DecodePacketErr(frame)
	if err != nil {
		return nil, fmt.Errorf("decoding a message: %w", err)
	}
	if len(p.Children) < 2 || len(p.Children) > 3 {
		return nil, errMalformed
	}
	id, ok := integerOf(p.Children[0], ber.TagInteger)
	m := &message{id: id, op: p.Children[1]}
	if !ok || m.id < 0 || m.id > math.MaxInt32 || m.op.ClassType != ber.ClassApplication {
		return nil, errMalformed
	}
	if len(p.Children) == 3 {
		m.controls, err = decodeControls(p.Children[2])
	}
	return m, err
}

func decodeControls(p *ber.Packet) ([]control, error) {
	if p.ClassType != ber.ClassContext || p.Tag != 0 {
		return nil, errMalformed
	}
	var list []control
	for _, child := range p.Children {
		fields := child.Children
		if len(fields) == 0 || !isOctets(fields[0]) {
			return nil, errMalformed
		}
		c := control{oid: fields[0].Data.String()}
		for _, field := range fields[1:] {
			switch {
			case field.ClassType == ber.ClassUniversal && field.Tag == ber.TagBoolean:
				c.critical, _ = field.Value.(bool)
			case isOctets(field):
				c.value = field.Data.Bytes()
			default:
				return nil, errMalformed
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// control returns the control with the given OID, nil when m has none.
func (m *message) control(oid string) *control {
	for i := range m.controls {
		if m.controls[i].oid == oid {
			return &m.controls[i]
		}
	}
	return nil
}

// checkControls reports an unknown critical control (RFC 4511 section 4.1.11).
func (m *message) checkControls(known ...string) *result {
	for _, c := range m.controls {
		supported := false
		for _, oid := range known {
			supported = supported || oid == c.oid
		}
		if c.critical && !supported {
			return &result{code: unavailableCriticalExtension, diagnostic: "critical extension is not recognized"}
		}
	}
	return nil
}

func isOctets(p *ber.Packet) bool {
	return p.ClassType == ber.ClassUniversal && p.TagType == ber.TypePrimitive && p.Tag == ber.TagOctetString
}

func integerOf(p *ber.Packet, tag ber.Tag) (int64, bool) {
	if p.ClassType != ber.ClassUniversal || p.TagType != ber.TypePrimitive || p.Tag != tag {
		return 0, false
	}
	v, ok := p.Value.(int64)
	return v, ok
}
