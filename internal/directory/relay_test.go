package directory

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// wire speaks LDAP octet by octet, for what go-ldap cannot or will not send.
type wire struct {
	t    *testing.T
	conn net.Conn
}

func dialWire(t *testing.T, d *Directory) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &wire{t, conn}
}

func (w *wire) send(packets ...*ber.Packet) {
	w.t.Helper()
	var out bytes.Buffer
	for _, p := range packets {
		out.Write(p.Bytes())
	}
	if _, err := w.conn.Write(out.Bytes()); err != nil {
		w.t.Fatal(err)
	}
}

// receive returns the message ID, the tag and the result code of a response.
func (w *wire) receive() (id int64, tag ber.Tag, code int64) {
	w.t.Helper()
	p, err := ber.ReadPacket(w.conn)
	if err != nil {
		w.t.Fatal(err)
	}
	id, _ = p.Children[0].Value.(int64)
	code = -1
	if op := p.Children[1]; op.Tag != opEntry {
		code, _ = op.Children[0].Value.(int64)
	}
	return id, p.Children[1].Tag, code
}

func (w *wire) want(id int64, tag ber.Tag, code int64) {
	w.t.Helper()
	if i, g, c := w.receive(); i != id || g != tag || c != code {
		w.t.Fatalf("got message %d, tag %d, code %d; want %d, %d, %d", i, g, c, id, tag, code)
	}
}

func operationPacket(tag ber.Tag, fields ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	for _, f := range fields {
		p.AppendChild(f)
	}
	return p
}

func number(tag ber.Tag, v int64) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, tag, v, "")
}

func bindPacket(id, version int64, name, password string) *ber.Packet {
	return envelope(id, operationPacket(opBind, number(ber.TagInteger, version), octetString(name), contextString(0, password)))
}

func searchPacket(id int64, filter *ber.Packet) *ber.Packet {
	return envelope(id, operationPacket(opSearch,
		octetString(SampleBase), number(ber.TagEnumerated, 2), number(ber.TagEnumerated, 0),
		number(ber.TagInteger, 0), number(ber.TagInteger, 0),
		ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""),
		filter, ber.NewSequence("")))
}

func abandonPacket(id, target int64) *ber.Packet {
	return envelope(id, ber.NewInteger(ber.ClassApplication, ber.TypePrimitive, opAbandon, target, ""))
}

func filterPacket(t *testing.T, text string) *ber.Packet {
	t.Helper()
	p, err := goldap.CompileFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompare(t *testing.T) {
	d := start(t, Config{})
	tests := []struct {
		who, dn, attr, value string
		code                 uint16
	}{
		{adminDN, personDN, "cn", "Jon snow", 6},
		{adminDN, personDN, "cn", "somebody", 5},
		{adminDN, personDN, "name", "Snow", 6},
		{adminDN, "cn=gameOfThrones," + SampleBase, "member", "UID=jon.snow," + SampleBase, 6},
		{adminDN, "cn=got," + SampleBase, "memberUid", "JON.SNOW", 5},
		{adminDN, "cn=got," + SampleBase, "objectClass", "1.3.6.1.1.1.2.2", 6},
		{adminDN, "cn=got," + SampleBase, "member", personDN, 16},
		{adminDN, personDN, "nosuch", "1", 17},
		{adminDN, personDN, "facsimileTelephoneNumber", "1", 18},
		{adminDN, personDN, "gidNumber", "abc", 21},
		{adminDN, personDN, "l", "", 21},
		{adminDN, personDN, "jcLdapAdmin", "TRUE", 16},
		{adminDN, personDN, "userPassword", "x", 50},
		{adminDN, "uid=nobody," + SampleBase, "cn", "x", 32},
		{adminDN, "uid=nobody," + SampleBase, "nosuch", "x", 17},
		{adminDN, "dc=example,dc=com", "cn", "x", 32},
		{adminDN, "foo=bar", "cn", "x", 34},
		{personDN, personDN, "cn", "Jon Snow", 32},
		{personDN, personDN, "userPassword", "x", 5},
		{"", personDN, "cn", "Jon Snow", 50},
		{"", personDN, "userPassword", "x", 50},
		{"", "uid=nobody," + SampleBase, "cn", "x", 32},
		{personDN, "uid=nobody," + SampleBase, "cn", "x", 32},
	}
	for _, tt := range tests {
		conn := dial(t, d.Addr())
		if tt.who != "" {
			conn = bound(t, d.Addr(), tt.who)
		}
		matched, err := conn.Compare(tt.dn, tt.attr, tt.value)
		if tt.code == 5 || tt.code == 6 {
			if err != nil || matched != (tt.code == 6) {
				t.Errorf("%+v: got %v, %v", tt, matched, err)
			}
			continue
		}
		if !goldap.IsErrorWithCode(err, tt.code) {
			t.Errorf("%+v: got %v, want %d", tt, err, tt.code)
		}
	}
}

func TestWritesAreRefused(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	modify := goldap.NewModifyRequest(personDN, nil)
	modify.Replace("sn", []string{"x"})
	add := goldap.NewAddRequest("cn=x,"+SampleBase, nil)
	add.Attribute("objectClass", []string{"top"})
	for _, err := range []error{
		conn.Modify(modify),
		conn.Add(add),
		conn.Del(goldap.NewDelRequest(personDN, nil)),
		conn.ModifyDN(goldap.NewModifyDNRequest(personDN, "uid=x", true, "")),
	} {
		wantCode(t, err, 53, "operation restricted")
	}
	wantCode(t, conn.Del(goldap.NewDelRequest("foo=bar", nil)), 34, "invalid DN")
	_, err := conn.PasswordModify(goldap.NewPasswordModifyRequest("", "a", "b"))
	wantCode(t, err, 53, "operation restricted")
}

func TestWhoAmI(t *testing.T) {
	conn := dial(t, start(t, Config{}).Addr())
	for _, want := range []string{"", "dn:" + adminDN} {
		res, err := conn.WhoAmI(nil)
		if err != nil || res.AuthzID != want {
			t.Errorf("got %+v, %v; want %q", res, err, want)
		}
		wantCode(t, conn.Bind(adminDN, SamplePassword), 0, "")
	}
}

func TestUnknownExtendedOperation(t *testing.T) {
	w := dialWire(t, start(t, Config{}))
	w.send(envelope(1, operationPacket(opExtended, contextString(0, "1.2.840.113556.1.4.1781"))))
	w.want(1, opExtendedAnswer, 2)
	w.send(envelope(2, operationPacket(opExtended, contextString(0, oidStartTLS))))
	w.want(2, opExtendedAnswer, 2) // no TLS configured
}

func TestStartTLS(t *testing.T) {
	server, client := certificate(t)
	d := start(t, Config{TLS: server})
	conn := dial(t, d.Addr())
	wantCode(t, conn.StartTLS(client), 0, "")
	wantCode(t, conn.Bind(adminDN, SamplePassword), 0, "")
	res, err := conn.Search(request("(objectClass=posixGroup)"))
	if err != nil || len(res.Entries) != 6 {
		t.Fatalf("got %v, %v", res, err)
	}
	wantCode(t, conn.StartTLS(client), 200, "") // go-ldap's own refusal
}

func TestStartTLSRefusesWhatCameBeforeTheHandshake(t *testing.T) {
	server, _ := certificate(t)
	w := dialWire(t, start(t, Config{TLS: server}))
	startTLS := envelope(1, operationPacket(opExtended, contextString(0, oidStartTLS)))
	w.send(startTLS, bindPacket(2, 3, adminDN, SamplePassword))
	w.want(0, opExtendedAnswer, 2)
}

func TestLDAPS(t *testing.T) {
	server, client := certificate(t)
	d := start(t, Config{})
	if err := d.ListenTLS("127.0.0.1:0", server); err != nil {
		t.Fatal(err)
	}
	conn, err := goldap.DialURL("ldaps://"+d.TLSAddr(), goldap.DialWithTLSConfig(client))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantCode(t, conn.Bind(adminDN, SamplePassword), 0, "")
}

func TestOldProtocolVersion(t *testing.T) {
	w := dialWire(t, start(t, Config{}))
	w.send(bindPacket(1, 2, adminDN, SamplePassword))
	w.want(1, opBindDone, 2)
	w.send(bindPacket(2, 3, adminDN, SamplePassword))
	w.want(2, opBindDone, 0)
}

// TestBindFinishesBeforeTheNextRequest sends bind and search in one segment:
// gldap alone serves the search first.
func TestBindFinishesBeforeTheNextRequest(t *testing.T) {
	w := dialWire(t, start(t, Config{Latency: 50 * time.Millisecond}))
	w.send(bindPacket(1, 3, adminDN, SamplePassword), searchPacket(2, filterPacket(t, "(cn=got)")))
	w.want(1, opBindDone, 0)
	w.want(2, opEntry, -1)
	w.want(2, opSearchDone, 0)
}

func TestAbandon(t *testing.T) {
	w := dialWire(t, start(t, Config{Latency: 100 * time.Millisecond}))
	w.send(bindPacket(1, 3, adminDN, SamplePassword))
	w.want(1, opBindDone, 0)
	w.send(searchPacket(2, filterPacket(t, "(cn=bb)")), abandonPacket(3, 2), abandonPacket(4, 99),
		searchPacket(2, filterPacket(t, "(cn=got)"))) // the ID is free again
	w.want(2, opEntry, -1)
	w.want(2, opSearchDone, 0)
	w.send(searchPacket(5, filterPacket(t, "(cn=nosuch)")))
	w.want(5, opSearchDone, 0)
}

// TestFiltersThatTextCannotCarry are filters that go-ldap will not compile.
func TestFiltersThatTextCannotCarry(t *testing.T) {
	d := start(t, Config{})
	w := dialWire(t, d)
	w.send(bindPacket(1, 3, adminDN, SamplePassword))
	w.want(1, opBindDone, 0)

	// "(cn=**)" as JNDI sends it: a substrings item without a piece.
	empty := ber.Encode(ber.ClassContext, ber.TypeConstructed, tagSubstrings, nil, "")
	empty.AppendChild(octetString("cn"))
	empty.AppendChild(ber.NewSequence(""))
	not := ber.Encode(ber.ClassContext, ber.TypeConstructed, tagNot, nil, "")
	not.AppendChild(empty)
	w.send(searchPacket(2, empty))
	w.want(2, opSearchDone, 0)
	w.send(searchPacket(3, not))
	w.want(3, opSearchDone, 0)

	// A choice of a later version of LDAP is Undefined, not an error.
	w.send(searchPacket(4, contextString(12, "x")))
	w.want(4, opSearchDone, 0)
	w.send(searchPacket(4, contextString(tagNot, "")))
	w.want(4, opSearchDone, 0)

	for _, bad := range []*ber.Packet{
		ber.Encode(ber.ClassContext, ber.TypeConstructed, tagNot, nil, ""),
		ber.Encode(ber.ClassContext, ber.TypeConstructed, tagEquality, nil, ""),
		ber.Encode(ber.ClassContext, ber.TypeConstructed, tagExtensible, nil, ""),
	} {
		w := dialWire(t, d)
		w.send(searchPacket(5, bad))
		w.want(0, opExtendedAnswer, 2)
	}
}

func TestPagingControlWithoutValue(t *testing.T) {
	w := dialWire(t, start(t, Config{}))
	p := searchPacket(1, filterPacket(t, "(cn=got)"))
	c := ber.NewSequence("")
	c.AppendChild(octetString(oidPaging))
	list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	list.AppendChild(c)
	p.AppendChild(list)
	w.send(p)
	w.want(1, opSearchDone, 2)
}

func TestMalformedMessages(t *testing.T) {
	d := start(t, Config{})
	deep := bytes.Repeat([]byte{0x30, 0x80}, 10_000)
	for title, octets := range map[string][]byte{
		"no sequence":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"indefinite length":    deep,
		"too large":            {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"length of length":     {0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"empty message":        {0x30, 0x00},
		"child overruns":       {0x30, 0x05, 0x02, 0x01, 0x01, 0x60, 0x7f},
		"unknown operation":    envelope(1, operationPacket(29)).Bytes(),
		"bind without fields":  envelope(1, operationPacket(opBind)).Bytes(),
		"bind with too many":   envelope(1, operationPacket(opBind, number(2, 3), octetString(""), contextString(0, "x"), octetString(""))).Bytes(),
		"search without field": envelope(1, operationPacket(opSearch)).Bytes(),
		"response":             envelope(1, operationPacket(opSearchDone)).Bytes(),
	} {
		t.Run(title, func(t *testing.T) {
			w := dialWire(t, d)
			if _, err := w.conn.Write(octets); err != nil {
				t.Fatal(err)
			}
			w.want(0, opExtendedAnswer, 2)
			if _, err := io.ReadAll(w.conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection was not closed")
			}
		})
	}
}

func TestGarbageDoesNotEndTheServer(t *testing.T) {
	d := start(t, Config{})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		garbage := make([]byte, 64<<10)
		for j := range garbage {
			garbage[j] = byte(r.Uint32())
		}
		if i%2 == 0 { // a frame of the right length around it
			garbage = append([]byte{0x30, 0x83, 1, 0, 0}, garbage...)
		}
		w := dialWire(t, d)
		w.conn.Write(garbage)
		w.conn.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(w.conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection was not closed")
		}
	}
	bound(t, d.Addr(), adminDN)
}

func TestDeepFilterIsRefused(t *testing.T) {
	w := dialWire(t, start(t, Config{}))
	f := filterPacket(t, "(cn=x)")
	for range 2 * maxNesting {
		not := ber.Encode(ber.ClassContext, ber.TypeConstructed, tagNot, nil, "")
		not.AppendChild(f)
		f = not
	}
	w.send(searchPacket(1, f))
	w.want(0, opExtendedAnswer, 2)
}
