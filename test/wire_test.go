package test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// LDAP on the wire, by hand: no product package is used here, so the tests
// cannot agree with a mistake of the product's own codec.

// Operation tags (RFC 4511, 4.2 to 4.14).
const (
	opBind         = 0x60
	opBindResponse = 0x61
	opUnbind       = 0x42
	opSearch       = 0x63
	opEntry        = 0x64
	opDone         = 0x65
	opReference    = 0x73
	opModify       = 0x66
	opModifyResp   = 0x67
	opAdd          = 0x68
	opAddResp      = 0x69
	opDelete       = 0x4a
	opDeleteResp   = 0x6b
	opModifyDN     = 0x6c
	opModifyDNResp = 0x6d
	opCompare      = 0x6e
	opCompareResp  = 0x6f
	opAbandon      = 0x50
	opExtended     = 0x77
	opExtendedResp = 0x78
	opIntermediate = 0x79
)

const (
	oidStartTLS   = "1.3.6.1.4.1.1466.20037"
	oidWhoAmI     = "1.3.6.1.4.1.4203.1.11.3"
	oidDisconnect = "1.3.6.1.4.1.1466.20036"
	oidManageDSA  = "2.16.840.1.113730.3.4.2"
	oidPaging     = "1.2.840.113556.1.4.319"
)

// tlv encodes one element with a definite length.
func tlv(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append([]byte{tag}, lengthOf(len(body))...), body...)
}

func lengthOf(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	short := bytes.TrimLeft(b[:], "\x00")
	return append([]byte{0x80 | byte(len(short))}, short...)
}

func octets(s string) []byte  { return tlv(0x04, []byte(s)) }
func boolean(b bool) []byte   { return tlv(0x01, []byte{map[bool]byte{true: 0xff}[b]}) }
func enumerated(n int) []byte { return tlv(0x0a, []byte{byte(n)}) }

func integer(n int64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	i := 0
	for i < 7 && (b[i] == 0 && b[i+1] < 0x80 || b[i] == 0xff && b[i+1] >= 0x80) {
		i++
	}
	return tlv(0x02, b[i:])
}

// message wraps an operation into an LDAPMessage.
func message(id int64, op []byte, controls ...[]byte) []byte {
	parts := [][]byte{integer(id), op}
	if len(controls) > 0 {
		parts = append(parts, tlv(0xa0, controls...))
	}
	return tlv(0x30, parts...)
}

func control(oid string, critical bool, value ...[]byte) []byte {
	parts := [][]byte{octets(oid)}
	if critical {
		parts = append(parts, boolean(true))
	}
	if len(value) > 0 {
		parts = append(parts, tlv(0x04, value...))
	}
	return tlv(0x30, parts...)
}

func bindOp(version int, dn, password string) []byte {
	return tlv(opBind, integer(int64(version)), octets(dn), tlv(0x80, []byte(password)))
}

func whoAmIOp() []byte { return tlv(opExtended, tlv(0x80, []byte(oidWhoAmI))) }

func compareOp(dn, attribute, value string) []byte {
	return tlv(opCompare, octets(dn), tlv(0x30, octets(attribute), octets(value)))
}

// searchOp builds a search as JNDI does: aliases dereferenced always.
func searchOp(base string, scope, size, limit int, filter []byte, attributes ...string) []byte {
	var list [][]byte
	for _, a := range attributes {
		list = append(list, octets(a))
	}
	return tlv(opSearch, octets(base), enumerated(scope), enumerated(3), integer(int64(size)), integer(int64(limit)),
		boolean(false), filter, tlv(0x30, list...))
}

// filterOf compiles the text of a filter with go-ldap.
func filterOf(t testing.TB, text string) []byte {
	t.Helper()
	p, err := goldap.CompileFilter(text)
	if err != nil {
		t.Fatalf("compiling filter %s: %v", text, err)
	}
	return p.Bytes()
}

func equals(attribute, value string) []byte { return tlv(0xa3, octets(attribute), octets(value)) }
func present(attribute string) []byte       { return tlv(0x87, []byte(attribute)) }

// element is one decoded TLV: raw is all of it, body its contents.
type element struct {
	tag       byte
	raw, body []byte
}

// next cuts the first element off b.
func next(b []byte) (element, []byte, error) {
	if len(b) < 2 {
		return element{}, nil, io.ErrUnexpectedEOF
	}
	head, n := 2, int(b[1])
	if n >= 0x80 {
		count := n & 0x7f
		if count == 0 || count > 4 || len(b) < 2+count {
			return element{}, nil, fmt.Errorf("length octet %#x", b[1])
		}
		n = 0
		for _, c := range b[2 : 2+count] {
			n = n<<8 | int(c)
		}
		head += count
	}
	if len(b) < head+n {
		return element{}, nil, io.ErrUnexpectedEOF
	}
	return element{b[0], b[:head+n], b[head : head+n]}, b[head+n:], nil
}

// elements splits the contents of a constructed element.
func elements(b []byte) ([]element, error) {
	var all []element
	for len(b) > 0 {
		e, rest, err := next(b)
		if err != nil {
			return all, err
		}
		all, b = append(all, e), rest
	}
	return all, nil
}

func number(b []byte) int64 {
	var n int64
	if len(b) > 0 && b[0] >= 0x80 {
		n = -1
	}
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}

// packet is one LDAPMessage, taken apart as far as every test needs.
type packet struct {
	raw      []byte
	id       int64
	op       element
	controls []byte // the whole [0] element, nil when absent
}

func parsePacket(raw []byte) (packet, error) {
	outer, _, err := next(raw)
	if err != nil {
		return packet{}, err
	}
	parts, err := elements(outer.body)
	if err != nil {
		return packet{}, err
	}
	if len(parts) < 2 || parts[0].tag != 0x02 {
		return packet{}, fmt.Errorf("not an LDAPMessage: % x", raw[:min(len(raw), 32)])
	}
	p := packet{raw: raw, id: number(parts[0].body), op: parts[1]}
	if len(parts) > 2 {
		p.controls = parts[2].raw
	}
	return p, nil
}

// result reads code, matchedDN and diagnostic message of a response that
// begins with an LDAPResult.
func (p packet) result() (code int, matched, text string) {
	parts, err := elements(p.op.body)
	if err != nil || len(parts) < 3 || parts[0].tag != 0x0a {
		return -1, "", fmt.Sprintf("no LDAPResult in % x", p.op.raw)
	}
	return int(number(parts[0].body)), string(parts[1].body), string(parts[2].body)
}

// entry decodes a SearchResultEntry.
func (p packet) entry(t testing.TB) entry {
	t.Helper()
	fail := func(err error) {
		t.Fatalf("entry % x: %v", p.op.raw, err)
	}
	parts, err := elements(p.op.body)
	if err != nil || len(parts) != 2 {
		fail(errors.Join(err, errors.New("want a name and attributes")))
	}
	e := entry{DN: string(parts[0].body), Attrs: map[string][]string{}}
	attributes, err := elements(parts[1].body)
	if err != nil {
		fail(err)
	}
	for _, a := range attributes {
		pair, err := elements(a.body)
		if err != nil || len(pair) != 2 || pair[1].tag != 0x31 {
			fail(errors.Join(err, errors.New("want a type and a set of values")))
		}
		values, err := elements(pair[1].body)
		if err != nil {
			fail(err)
		}
		name := string(pair[0].body)
		e.Attrs[name] = []string{}
		for _, v := range values {
			e.Attrs[name] = append(e.Attrs[name], string(v.body))
		}
	}
	return e
}

// disconnected says whether p is a notice of disconnection, and its code.
func (p packet) disconnected() (code int, yes bool) {
	if p.id != 0 || p.op.tag != opExtendedResp || !bytes.Contains(p.op.raw, []byte(oidDisconnect)) {
		return 0, false
	}
	code, _, _ = p.result()
	return code, true
}

// readPacket reads one message; it looks only at the frame.
func readPacket(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	size := 2
	if head[1] >= 0x80 {
		size += int(head[1] & 0x7f)
		if head, err = r.Peek(size); err != nil {
			return nil, err
		}
	}
	length := int(head[1])
	if length >= 0x80 {
		length = 0
		for _, c := range head[2:size] {
			length = length<<8 | int(c)
		}
	}
	if length < 0 || length > 64<<20 {
		return nil, fmt.Errorf("frame of %d octets", length)
	}
	raw := make([]byte, size+length)
	_, err = io.ReadFull(r, raw)
	return raw, err
}

// wire is a client that speaks raw bytes.
type wire struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	id   int64
}

// patience bounds every wait for something that ought to happen at once.
const patience = 15 * time.Second

func dialWire(t testing.TB, address string) *wire {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatalf("connecting to %s: %v", address, err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// secure runs the TLS handshake on the connection.
func (w *wire) secure(config *tls.Config) {
	w.t.Helper()
	c := tls.Client(w.conn, config)
	c.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		w.t.Fatalf("TLS handshake: %v", err)
	}
	c.SetDeadline(time.Time{})
	w.conn, w.r = c, bufio.NewReader(c)
}

func (w *wire) write(raw []byte) {
	w.t.Helper()
	w.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := w.conn.Write(raw); err != nil {
		w.t.Fatalf("writing to the proxy: %v", err)
	}
}

// send writes one operation under a new message ID and returns the ID.
func (w *wire) send(op []byte, controls ...[]byte) int64 {
	w.t.Helper()
	w.id++
	w.write(message(w.id, op, controls...))
	return w.id
}

// receive reads the next message, or fails the test.
func (w *wire) receive() packet {
	w.t.Helper()
	p, err := w.tryReceive(patience)
	if err != nil {
		w.t.Fatalf("reading from the proxy: %v", err)
	}
	return p
}

func (w *wire) tryReceive(wait time.Duration) (packet, error) {
	w.conn.SetReadDeadline(time.Now().Add(wait))
	raw, err := readPacket(w.r)
	if err != nil {
		return packet{}, err
	}
	return parsePacket(raw)
}

// reply is everything that came back for one message ID.
type reply struct {
	entries, references []packet
	last                packet
	code                int
	matched, text       string
}

// await reads until the final response for id; other IDs are a failure.
func (w *wire) await(id int64) reply {
	w.t.Helper()
	var r reply
	for {
		p := w.receive()
		if p.id != id {
			w.t.Fatalf("waiting for the answer to message %d, got one for %d: % x", id, p.id, p.raw)
		}
		switch p.op.tag {
		case opEntry:
			r.entries = append(r.entries, p)
		case opReference:
			r.references = append(r.references, p)
		case opIntermediate:
		default:
			r.last = p
			r.code, r.matched, r.text = p.result()
			return r
		}
	}
}

func (w *wire) ask(op []byte, controls ...[]byte) reply {
	w.t.Helper()
	return w.await(w.send(op, controls...))
}

// bind binds and insists on success.
func (w *wire) bind(dn, password string) {
	w.t.Helper()
	if r := w.ask(bindOp(3, dn, password)); r.code != 0 {
		w.t.Fatalf("bind as %q: %d %s", dn, r.code, r.text)
	}
}

// search asks in text and returns the answer in the form that all clients share.
func (w *wire) search(q request) answer {
	w.t.Helper()
	return w.ask(q.wire(w.t), control(oidManageDSA, false)).answer(w.t)
}

func (r reply) answer(t testing.TB) answer {
	t.Helper()
	a := answer{Code: r.code, Matched: r.matched, Text: r.text}
	for _, p := range r.entries {
		a.Entries = append(a.Entries, p.entry(t))
	}
	return a
}

// whoAmI returns the identity the session has, "" for anonymous.
func (w *wire) whoAmI() string {
	w.t.Helper()
	r := w.ask(whoAmIOp())
	if r.code != 0 {
		w.t.Fatalf("who am I: %d %s", r.code, r.text)
	}
	parts, err := elements(r.last.op.body)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range parts {
		if p.tag == 0x8b {
			return strings.TrimPrefix(string(p.body), "dn:")
		}
	}
	return ""
}

// closedBy reads to the end of the stream and returns what came before it;
// a peer that keeps the connection open fails the test.
func (w *wire) closedBy(wait time.Duration) []packet {
	w.t.Helper()
	var all []packet
	deadline := time.Now().Add(wait)
	for {
		p, err := w.tryReceive(time.Until(deadline))
		var timeout net.Error
		switch {
		case err == nil:
			all = append(all, p)
		case errors.As(err, &timeout) && timeout.Timeout():
			w.t.Fatalf("the connection is still open after %v; received %d messages", wait, len(all))
		default:
			return all
		}
	}
}

// dialedOver is a wire on a connection that w has become.
func dialedOver(w *wire, conn net.Conn) *wire {
	return &wire{t: w.t, conn: conn, r: bufio.NewReader(conn), id: w.id}
}

// rawUntilClosed reads bytes that need not be LDAP until the peer closes.
func (w *wire) rawUntilClosed(wait time.Duration) []byte {
	w.t.Helper()
	w.conn.SetReadDeadline(time.Now().Add(wait))
	all, err := io.ReadAll(io.LimitReader(w.r, 1<<20))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Fatalf("the connection is still open after %v", wait)
	}
	return all
}
