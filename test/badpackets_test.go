package test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// badPacket is something a hostile client sends instead of LDAP.
type badPacket struct {
	what string
	raw  []byte
	want reaction
	code []int // of an answer
}

// reaction is what the proxy has to do about a bad packet, besides living on.
type reaction int

const (
	// survives: the proxy may do anything sensible.
	survives reaction = iota
	// refused: a notice of disconnection with protocolError, then the end.
	refused
	// wrong: as refused, or protocolError as the answer to that one request.
	wrong
	// answered: the request is legal, if odd, and gets one of the codes.
	answered
)

// nest wraps a core into n elements of one tag, with definite lengths.
func nest(tag byte, n int, core []byte) []byte {
	// Built back to front: the heads are as long as their contents require.
	heads := make([][]byte, 0, n)
	size := len(core)
	for range n {
		head := append([]byte{tag}, lengthOf(size)...)
		heads = append(heads, head)
		size += len(head)
	}
	out := make([]byte, 0, size)
	for _, h := range slices.Backward(heads) {
		out = append(out, h...)
	}
	return append(out, core...)
}

// withFilter is a search with the given bytes in place of its filter.
func withFilter(filter []byte) []byte {
	return message(7, searchOp(usersBase, goldap.ScopeWholeSubtree, 0, 0, filter, "cn"))
}

// searchParts is a search made of its eight fields, one of them replaced.
func searchParts(field int, with ...[]byte) []byte {
	parts := [][]byte{octets(usersBase), enumerated(2), enumerated(3), integer(0), integer(0), boolean(false), present("uid"), tlv(0x30)}
	parts = slices.Replace(parts, field, field+1, with...)
	return message(7, tlv(opSearch, parts...))
}

func withControls(controls ...[]byte) []byte {
	return slices.Concat(tlv(0x30, append([][]byte{integer(7), whoAmIOp()}, controls...)...))
}

// badPackets is the table of section 6.3 of the project's notes on peers: the
// packets that killed, blew up or confused other LDAP servers.
func badPackets() []badPacket {
	random := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(random)
	ok := []int{0}
	big := strings.Repeat("a", 100<<10)
	pagedWith := func(value ...[]byte) []byte {
		return message(7, searchOp(usersBase, 2, 0, 0, present("uid"), "cn"), control(oidPaging, true, value...))
	}
	table := []badPacket{
		// Framing.
		{"nothing", nil, survives, nil},
		{"one octet", []byte{0x30}, survives, nil},
		{"a head without a body", []byte{0x30, 0x05}, survives, nil},
		{"half a message", message(7, whoAmIOp())[:9], survives, nil},
		{"half a length", []byte{0x30, 0x84, 0x00, 0x00}, survives, nil},
		{"empty message", []byte{0x30, 0x00}, refused, nil},
		{"zero octets", make([]byte, 64), refused, nil},
		{"all ones", bytes.Repeat([]byte{0xff}, 64), refused, nil},
		{"an integer", integer(1), refused, nil},
		{"a string", octets("hello"), refused, nil},
		{"a set", tlv(0x31, integer(7), whoAmIOp()), refused, nil},
		{"a primitive sequence", tlv(0x10, integer(7), whoAmIOp()), refused, nil},
		{"message ID only", tlv(0x30, integer(7)), refused, nil},
		{"operation only", tlv(0x30, whoAmIOp()), refused, nil},
		{"message ID is a string", tlv(0x30, octets("7"), whoAmIOp()), refused, nil},
		{"message ID is empty", tlv(0x30, tlv(0x02), whoAmIOp()), refused, nil},
		{"message ID 0", message(0, whoAmIOp()), wrong, nil},
		{"message ID negative", message(-7, whoAmIOp()), refused, nil},
		{"message ID 2^31", message(1<<31, whoAmIOp()), refused, nil},
		{"message ID 2^62", message(1<<62, whoAmIOp()), refused, nil},
		{"message ID of 9 octets", tlv(0x30, tlv(0x02, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0}), whoAmIOp()), refused, nil},
		{"indefinite length", slices.Concat([]byte{0x30, 0x80}, integer(7), whoAmIOp(), []byte{0, 0}), refused, nil},
		{"indefinite length of the operation", tlv(0x30, integer(7), []byte{opSearch, 0x80, 0x00, 0x00}), refused, nil},
		{"length 2^31-16", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0, 0x02, 0x01, 0x07}, refused, nil},
		{"length 2^31", []byte{0x30, 0x84, 0x80, 0x00, 0x00, 0x00, 0x02, 0x01, 0x07}, refused, nil},
		{"length 2^32-1", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01, 0x07}, refused, nil},
		{"length 2^63-1", []byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, refused, nil},
		{"length 2^63", []byte{0x30, 0x88, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x02}, refused, nil},
		{"length of 9 octets", []byte{0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x02}, refused, nil},
		{"reserved length octet", []byte{0x30, 0xff, 0x02, 0x01, 0x07}, refused, nil},
		{"just over the limit after bind", []byte{0x30, 0x84, 0x00, 0x10, 0x00, 0x01, 0x02, 0x01, 0x07}, refused, nil},
		{"operation longer than the message", tlv(0x30, integer(7), []byte{opSearch, 0x20, 0x04}), refused, nil},
		{"operation of 2^31", tlv(0x30, integer(7), []byte{opSearch, 0x84, 0x80, 0, 0, 0}), refused, nil},
		{"operation of 2^63", tlv(0x30, integer(7), []byte{opSearch, 0x88, 0x80, 0, 0, 0, 0, 0, 0, 0}), refused, nil},
		{"long form of a short length", longForm(message(7, whoAmIOp()), 1), answered, ok},
		{"four octets for a short length", longForm(message(7, whoAmIOp()), 4), answered, ok},
		{"something behind the controls", tlv(0x30, integer(7), whoAmIOp(), tlv(0xa0), octets("x")), survives, nil},

		// Not LDAP at all.
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), refused, nil},
		{"TLS", slices.Concat([]byte{0x16, 0x03, 0x01, 0x00, 0x60, 0x01, 0x00, 0x00, 0x5c, 0x03, 0x03}, random[:85]), survives, nil}, // a TLS client cannot read a notice
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2\r\n"), refused, nil},
		{"PROXY protocol 1", []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), refused, nil},
		{"PROXY protocol 2", []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"), refused, nil},
		{"random octets", random, survives, nil},

		// Operations.
		{"unknown operation", message(7, tlv(0x7e)), wrong, nil},
		{"operation of context class", message(7, tlv(0xa3)), wrong, nil},
		{"operation of universal class", message(7, octets("x")), wrong, nil},
		{"operation with a long tag", tlv(0x30, integer(7), []byte{0x7f, 0x81, 0x01, 0x00}), wrong, nil},
		{"a bind response", message(7, tlv(opBindResponse, enumerated(0), octets(""), octets(""))), wrong, nil},
		{"a search entry", message(7, tlv(opEntry, octets(service), tlv(0x30))), wrong, nil},
		{"a search result", message(7, tlv(opDone, enumerated(0), octets(""), octets(""))), wrong, nil},
		{"a notice of disconnection", message(0, tlv(opExtendedResp, enumerated(2), octets(""), octets(""), tlv(0x8a, []byte(oidDisconnect)))), wrong, nil},

		// Bind.
		{"bind: empty", message(7, tlv(opBind)), wrong, nil},
		{"bind: primitive", message(7, tlv(0x40, integer(3))), wrong, nil},
		{"bind: version is a string", message(7, tlv(opBind, octets("3"), octets(service), tlv(0x80))), wrong, nil},
		{"bind: version -1", message(7, bindOp(-1, service, "x")), wrong, nil},
		{"bind: version 128", message(7, bindOp(128, service, "x")), wrong, nil},
		{"bind: version 2^40", message(7, bindOp(1<<40, service, "x")), wrong, nil},
		{"bind: name is an integer", message(7, tlv(opBind, integer(3), integer(1), tlv(0x80))), wrong, nil},
		{"bind: no authentication", message(7, tlv(opBind, integer(3), octets(service))), wrong, nil},
		{"bind: constructed password", message(7, tlv(opBind, integer(3), octets(service), tlv(0xa0, octets("x")))), survives, nil},
		{"bind: unknown authentication", message(7, tlv(opBind, integer(3), octets(service), tlv(0x81, []byte("x")))), survives, nil},
		{"bind: empty SASL", message(7, tlv(opBind, integer(3), octets(""), tlv(0xa3))), survives, nil},
		{"bind: SASL mechanism is an integer", message(7, tlv(opBind, integer(3), octets(""), tlv(0xa3, integer(1)))), survives, nil},
		{"bind: too many fields", message(7, tlv(opBind, integer(3), octets(service), tlv(0x80, []byte("x")), octets("y"))), survives, nil},
		{"bind: huge name", message(7, bindOp(3, "uid="+big, "x")), survives, nil},
		{"bind: NUL in the name", message(7, bindOp(3, "uid=\x00,"+usersBase, "x")), survives, nil},
		{"bind: name is no UTF-8", message(7, bindOp(3, "uid=\xff\xfe,"+usersBase, "x")), survives, nil},

		// Search, field by field.
		{"search: empty", message(7, tlv(opSearch)), wrong, nil},
		{"search: primitive", message(7, tlv(0x43, []byte("x"))), wrong, nil},
		{"search: base is an integer", searchParts(0, integer(1)), wrong, nil},
		{"search: scope is an integer", searchParts(1, integer(2)), wrong, nil},
		{"search: scope is empty", searchParts(1, tlv(0x0a)), wrong, nil},
		{"search: scope 9", searchParts(1, enumerated(9)), wrong, nil},
		{"search: scope -1", searchParts(1, tlv(0x0a, []byte{0xff})), wrong, nil},
		{"search: dereference 9", searchParts(2, enumerated(9)), wrong, nil},
		{"search: size limit is a string", searchParts(3, octets("1")), wrong, nil},
		{"search: size limit -1", searchParts(3, integer(-1)), wrong, nil},
		{"search: size limit 2^31", searchParts(3, integer(1<<31)), wrong, nil},
		{"search: time limit -1", searchParts(4, integer(-1)), wrong, nil},
		{"search: time limit 2^62", searchParts(4, integer(1<<62)), wrong, nil},
		{"search: types only is an integer", searchParts(5, integer(1)), wrong, nil},
		{"search: types only is empty", searchParts(5, tlv(0x01)), wrong, nil},
		{"search: types only of two octets", searchParts(5, tlv(0x01, []byte{0, 0})), wrong, nil},
		{"search: no filter", searchParts(6), wrong, nil},
		{"search: filter is a string", searchParts(6, octets("(uid=x)")), wrong, nil},
		{"search: no attributes", searchParts(7), wrong, nil},
		{"search: attributes are a string", searchParts(7, octets("cn")), wrong, nil},
		{"search: attributes are integers", searchParts(7, tlv(0x30, integer(1))), wrong, nil},
		{"search: attributes are sequences", searchParts(7, tlv(0x30, nest(0x30, 40, nil))), wrong, nil},
		{"search: too many fields", searchParts(7, tlv(0x30), octets("x")), survives, nil},
		{"search: 20 000 empty attributes", searchParts(7, tlv(0x30, bytes.Repeat(octets(""), 20_000))), survives, nil},

		// Controls.
		{"controls: none", withControls(tlv(0xa0)), survives, nil},
		{"controls: primitive", withControls(tlv(0x80, []byte("x"))), survives, nil},
		{"controls: wrong tag", withControls(tlv(0xa1, control(oidManageDSA, false))), survives, nil},
		{"controls: an empty one", withControls(tlv(0xa0, tlv(0x30))), wrong, nil},
		{"controls: a primitive one", withControls(tlv(0xa0, octets(oidManageDSA))), wrong, nil},
		{"controls: OID is an integer", withControls(tlv(0xa0, tlv(0x30, integer(1)))), wrong, nil},
		{"controls: OID is empty", withControls(tlv(0xa0, tlv(0x30, octets("")))), survives, nil},
		{"controls: criticality is a string", withControls(tlv(0xa0, tlv(0x30, octets(oidManageDSA), octets("x"), octets("y")))), survives, nil},
		{"controls: criticality is empty", withControls(tlv(0xa0, tlv(0x30, octets(oidManageDSA), tlv(0x01)))), wrong, nil},
		{"controls: value is an integer", withControls(tlv(0xa0, tlv(0x30, octets(oidManageDSA), boolean(false), integer(1)))), survives, nil},
		{"controls: 10 000", withControls(tlv(0xa0, bytes.Repeat(control("1.2.3", false), 10_000))), survives, nil},
		{"paging: empty", pagedWith(), survives, nil},
		{"paging: garbage", pagedWith([]byte("garbage")), survives, nil},
		{"paging: empty sequence", pagedWith(tlv(0x30)), survives, nil},
		{"paging: size is a string", pagedWith(tlv(0x30, octets("1"), octets(""))), survives, nil},
		{"paging: size -1", pagedWith(tlv(0x30, integer(-1), octets(""))), survives, nil},
		{"paging: size 2^40", pagedWith(tlv(0x30, integer(1<<40), octets(""))), survives, nil},
		{"paging: huge cookie", pagedWith(tlv(0x30, integer(1), octets(big))), survives, nil},
		{"paging: twice", message(7, searchOp(usersBase, 2, 0, 0, present("uid"), "cn"),
			control(oidPaging, true, tlv(0x30, integer(1), octets(""))), control(oidPaging, true, tlv(0x30, integer(2), octets("")))), survives, nil},

		// Compare, abandon, unbind, extended, writes.
		{"compare: empty", message(7, tlv(opCompare)), wrong, nil},
		{"compare: no assertion", message(7, tlv(opCompare, octets(usersBase))), wrong, nil},
		{"compare: half an assertion", message(7, tlv(opCompare, octets(usersBase), tlv(0x30, octets("cn")))), wrong, nil},
		{"compare: assertion of integers", message(7, tlv(opCompare, octets(usersBase), tlv(0x30, integer(1), integer(1)))), wrong, nil},
		{"compare: empty attribute", message(7, compareOp(groupDN("got"), "", "")), survives, nil},
		{"abandon: empty", message(7, tlv(opAbandon)), survives, nil},
		{"abandon: constructed", message(7, tlv(0x70, integer(1))), survives, nil},
		{"abandon: itself", message(7, tlv(opAbandon, []byte{7})), survives, nil},
		{"abandon: 9 octets", message(7, tlv(opAbandon, make([]byte, 9))), survives, nil},
		{"unbind: constructed", message(7, tlv(0x62, integer(1))), survives, nil},
		{"unbind: with contents", message(7, tlv(opUnbind, []byte("x"))), survives, nil},
		{"extended: empty", message(7, tlv(opExtended)), wrong, nil},
		{"extended: name is an integer", message(7, tlv(opExtended, integer(1))), wrong, nil},
		{"extended: empty name", message(7, tlv(opExtended, tlv(0x80))), wrong, nil},
		{"extended: huge name", message(7, tlv(opExtended, tlv(0x80, []byte(big)))), survives, nil},
		{"extended: StartTLS with a value", message(7, tlv(opExtended, tlv(0x80, []byte(oidStartTLS)), tlv(0x81, []byte("x")))), survives, nil},
		{"add: empty", message(7, tlv(opAdd)), survives, nil},
		{"modify: empty", message(7, tlv(opModify)), survives, nil},
		{"delete: empty", message(7, tlv(opDelete)), survives, nil},
		{"rename: empty", message(7, tlv(opModifyDN)), survives, nil},

		// Nesting.
		{"nested sequences, 5 000", nest(0x30, 5_000, nil), survives, nil},
		{"nested sequences, 60 000", nest(0x30, 60_000, nil), survives, nil},
		{"nested sequences, 400 000", nest(0x30, 400_000, nil), survives, nil},
		{"nested sets", nest(0x31, 20_000, nil), survives, nil},
		{"nested context tags", nest(0xa0, 20_000, nil), survives, nil},
		{"nested sequences of indefinite length, 5 000", bytes.Repeat([]byte{0x30, 0x80}, 5_000), survives, nil},
		{"nested sequences of indefinite length, 2 000 000", bytes.Repeat([]byte{0x30, 0x80}, 2_000_000), survives, nil},
		{"nested sequences as a control value", withControls(tlv(0xa0, control("1.2.3", false, nest(0x30, 20_000, nil)))), survives, nil},
	}
	for _, depth := range []int{500, 990, 20_000} {
		for name, tag := range map[string]byte{"and": 0xa0, "or": 0xa1, "not": 0xa2} {
			table = append(table, badPacket{fmt.Sprintf("filter: %d times %s", depth, name), withFilter(nest(tag, depth, present("uid"))), survives, nil})
		}
	}
	for tag := byte(0xa0); tag <= 0xa9; tag++ {
		empty := badPacket{fmt.Sprintf("filter: empty %#x", tag), withFilter(tlv(tag)), wrong, nil}
		if tag <= 0xa1 { // true and false, RFC 4526
			empty.want = survives
		}
		if tag == 0xa7 {
			empty.what = "filter: empty presence"
			empty.raw = withFilter(tlv(0x87))
			empty.want = survives
		}
		table = append(table, empty,
			badPacket{fmt.Sprintf("filter: integer in %#x", tag), withFilter(tlv(tag, integer(1))), wrong, nil},
			badPacket{fmt.Sprintf("filter: truncated %#x", tag), withFilter(tlv(tag, []byte{0x04, 0x20, 'c'})), wrong, nil},
			badPacket{fmt.Sprintf("filter: primitive %#x", tag&^0x20), withFilter(tlv(tag&^0x20, octets("x"))), survives, nil},
		)
	}
	return append(table,
		badPacket{"filter: not of two", withFilter(tlv(0xa2, present("uid"), present("cn"))), wrong, nil},
		badPacket{"filter: equality of three", withFilter(tlv(0xa3, octets("uid"), octets("x"), octets("y"))), survives, nil},
		badPacket{"filter: equality of integers", withFilter(tlv(0xa3, integer(1), integer(2))), wrong, nil},
		badPacket{"filter: equality without attribute", withFilter(equals("", "x")), survives, nil},
		badPacket{"filter: substrings are a string", withFilter(tlv(0xa4, octets("cn"), octets("x"))), wrong, nil},
		badPacket{"filter: substring of unknown kind", withFilter(tlv(0xa4, octets("cn"), tlv(0x30, tlv(0x83, []byte("x"))))), wrong, nil},
		badPacket{"filter: two initial substrings", withFilter(tlv(0xa4, octets("cn"), tlv(0x30, tlv(0x80, []byte("x")), tlv(0x80, []byte("y"))))), survives, nil},
		badPacket{"filter: final before any", withFilter(tlv(0xa4, octets("cn"), tlv(0x30, tlv(0x82, []byte("x")), tlv(0x81, []byte("y"))))), survives, nil},
		badPacket{"filter: matching rule without value", withFilter(tlv(0xa9, tlv(0x81, []byte("caseExactMatch")))), wrong, nil},
		badPacket{"filter: matching rule with unknown part", withFilter(tlv(0xa9, tlv(0x8f, []byte("x")))), wrong, nil},
		badPacket{"filter: unknown tag", withFilter(tlv(0xaa, present("uid"))), survives, nil},
		badPacket{"filter: long tag", withFilter([]byte{0xbf, 0x1f, 0x00}), survives, nil},
		badPacket{"filter: 100 000 terms", withFilter(tlv(0xa1, bytes.Repeat(present("uid"), 100_000))), survives, nil},
		badPacket{"filter: huge value", withFilter(equals("uid", big)), survives, nil},
		badPacket{"filter: NUL and non UTF-8 in a member", withFilter(equals("member", "uid=\x00\xff,"+usersBase)), survives, nil},
		badPacket{"filter: member of 100 000 commas", withFilter(equals("member", strings.Repeat(",", 100_000))), survives, nil},
		badPacket{"filter: member of 20 000 escapes", withFilter(equals("member", "uid="+strings.Repeat("\\2c", 20_000)+","+usersBase)), survives, nil},
	)
}

// longForm writes the outer length of a message with n octets.
func longForm(raw []byte, n int) []byte {
	e, _, err := next(raw)
	if err != nil {
		panic(err)
	}
	size := make([]byte, n)
	for i, rest := n-1, len(e.body); i >= 0; i, rest = i-1, rest>>8 {
		size[i] = byte(rest)
	}
	return slices.Concat([]byte{raw[0], 0x80 | byte(n)}, size, e.body)
}

// Every bad packet comes on a connection of its own, before and after a bind.
// The process lives on, takes no memory to speak of, and serves others. Those
// that are an attack of a class of its own are sent by the test of that class.
func TestBadPackets(t *testing.T) { sendBadPackets(t, "") }

// attackClass is the class in docs/security-attacks.md, "" for none in particular.
func (bad badPacket) attackClass() string {
	begins := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(bad.what, w) })
	}
	switch {
	case begins("nested"), begins("filter: ") && strings.Contains(bad.what, " times "):
		return "A01"
	case begins("length", "indefinite length", "operation of 2", "reserved length", "just over", "four octets"):
		return "A02"
	case begins("filter: 100 000", "filter: huge", "filter: member"):
		return "A03"
	case begins("controls", "paging"):
		return "A04"
	case begins("message ID"):
		return "A12"
	case begins("search: 20 000"):
		return "A21"
	}
	return ""
}

// sendBadPackets sends those of one class.
func sendBadPackets(t *testing.T, class string) {
	t.Parallel()
	table := badPackets()
	if len(table) < 84 {
		t.Fatalf("%d bad packets, want at least 84", len(table))
	}
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := besiege(t, settings{servers: []string{up.url()}, plain: true})
		sent := 0
		for _, bad := range table {
			if bad.attackClass() != class {
				continue
			}
			sent++
			for _, state := range []string{"before", "after"} {
				t.Run(bad.what+"/"+state+" bind", func(t *testing.T) {
					var got []packet
					if state == "after" {
						got = attack(t, p, bad, bindOp(3, service, password))
					} else {
						got = attack(t, p, bad, nil)
					}
					bad.judge(t, got, state == "after")
					p.alive()
					usable(t, wireClient{p.in(t).session()})
				})
			}
		}
		if sent == 0 {
			t.Errorf("no bad packet is of class %s", class)
		}
	})
}

// attack sends one bad packet and returns what came back before the end of
// the connection, or the answer to the packet.
func attack(t *testing.T, p *proxy, bad badPacket, bind []byte) []packet {
	t.Helper()
	w := dialWire(t, p.ldap)
	if bind != nil {
		if r := w.ask(bind); r.code != 0 {
			t.Fatalf("bind: %d %s", r.code, r.text)
		}
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.conn.SetWriteDeadline(time.Now().Add(patience))
		w.conn.Write(bad.raw) // may fail: the proxy hangs up on the first octets
		if bad.want == survives {
			w.conn.(*net.TCPConn).CloseWrite() // so that half a message ends
		}
	}()
	var got []packet
	deadline := time.Now().Add(patience)
	for {
		m, err := w.tryReceive(time.Until(deadline))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("no end of the connection and no answer within %v; received %d messages", patience, len(got))
			break
		}
		if err != nil {
			break
		}
		got = append(got, m)
		if _, gone := m.disconnected(); !gone && m.id != 0 && (bad.want == answered || bad.want == wrong) && m.op.tag != opEntry {
			break
		}
	}
	w.conn.Close()
	<-written
	return got
}

// judge compares the reaction with the wanted one.
func (bad badPacket) judge(t *testing.T, got []packet, bound bool) {
	t.Helper()
	if bad.want == survives {
		return
	}
	if len(got) == 0 {
		t.Errorf("the connection ended without a word")
		return
	}
	last := got[len(got)-1]
	code, notice := last.disconnected()
	if !notice {
		code, _, _ = last.result()
	}
	switch bad.want {
	case refused:
		if !notice || code != goldap.LDAPResultProtocolError {
			t.Errorf("answered % x, want a notice of disconnection with protocolError", last.raw)
		}
	case wrong:
		// Before a bind it is as right to refuse the operation unread.
		if code != goldap.LDAPResultProtocolError && (bound || code != goldap.LDAPResultInsufficientAccessRights) {
			t.Errorf("code %d in % x, want protocolError", code, last.raw)
		}
	case answered:
		if notice || !slices.Contains(bad.code, code) {
			t.Errorf("answered % x, want code %v", last.raw, bad.code)
		}
	}
}

// in reports the failures of a shared client to another test.
func (w *wire) in(t testing.TB) *wire { w.t = t; return w }

// in opens further clients on behalf of another test.
func (p *proxy) in(t testing.TB) *proxy { return &proxy{t: t, ldap: p.ldap} }
