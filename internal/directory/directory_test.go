package directory

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCloseWithClients(t *testing.T) {
	d := start(t, Config{Latency: time.Hour})
	idle := dialWire(t, d)
	busy := dialWire(t, d)
	busy.send(searchPacket(1, filterPacket(t, "(cn=got)")))
	time.Sleep(20 * time.Millisecond) // let the search reach gldap

	begin := time.Now()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("closing took %s", took)
	}
	for _, w := range []*wire{idle, busy} {
		if _, err := io.ReadAll(w.conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a client was not cut")
		}
	}
	if len(d.backend.tickets) != 0 {
		t.Errorf("%d tickets are left", len(d.backend.tickets))
	}
	if _, err := net.Dial("tcp", d.Addr()); err == nil {
		t.Error("still listening")
	}
	if err := d.Listen("127.0.0.1:0"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listening after Close: got %v", err)
	}
}

func TestCloseWithoutListen(t *testing.T) {
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Addr() != "" || d.TLSAddr() != "" {
		t.Error("an address without a listener")
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

func TestCloseClientConnections(t *testing.T) {
	d := start(t, Config{})
	conn := bound(t, d.Addr(), adminDN)
	d.CloseClientConnections()
	if _, err := conn.Search(request("(cn=got)")); err == nil {
		t.Error("the connection is still served")
	}
	bound(t, d.Addr(), adminDN)
}

func TestIdleTimeout(t *testing.T) {
	d := start(t, Config{IdleTimeout: 100 * time.Millisecond, Latency: 300 * time.Millisecond})
	w := dialWire(t, d)
	w.send(bindPacket(1, 3, adminDN, SamplePassword))
	w.want(1, opBindDone, 0) // waiting for an answer is not being idle
	w.send(searchPacket(2, filterPacket(t, "(cn=nosuch)")))
	w.want(2, opSearchDone, 0)
	if _, err := io.ReadAll(w.conn); err != nil {
		t.Errorf("got %v, want the end of the stream", err)
	}
}

func TestLatency(t *testing.T) {
	const latency = 60 * time.Millisecond
	conn := dial(t, start(t, Config{Latency: latency}).Addr())
	for title, do := range map[string]func() error{
		"bind":    func() error { return conn.Bind(adminDN, SamplePassword) },
		"whoami":  func() error { _, err := conn.WhoAmI(nil); return err },
		"compare": func() error { _, err := conn.Compare(personDN, "foo", "x"); return err },
	} {
		begin := time.Now()
		do()
		if took := time.Since(begin); took < latency {
			t.Errorf("%s took %s", title, took)
		}
	}
}

func TestListenTwice(t *testing.T) {
	d := start(t, Config{})
	if err := d.Listen("127.0.0.1:0"); err == nil {
		t.Error("a second listener was accepted")
	}
	if err := d.ListenTLS("127.0.0.1:0", nil); err == nil {
		t.Error("LDAPS without a configuration was accepted")
	}
}

func TestLDIF(t *testing.T) {
	const ldif = "version: 1\n\n# comment\n that goes on\ndn: dc=test\nobjectClass: top\nobjectClass: strange\n" +
		"dc: test\ndescription:: SMOpY3Rvcg==\nodd: a lo\n ng value\ncn;lang-de: Prüfung\ncn: Test\r\n" +
		"jcLdapAdmin: TRUE\nuserPassword: plain\n"
	conn := dial(t, start(t, Config{LDIF: strings.NewReader(ldif)}).Addr())
	wantCode(t, conn.Bind("dc=test", "plain"), 0, "")
	for filter, want := range map[string]int{
		"(odd=a long value)":       1,
		"(description=héctor)":     1,
		"(cn;lang-de=prüfung)":     1,
		"(cn=prüfung)":             1,
		"(cn;lang-de=test)":        0,
		"(objectClass=strange)":    1,
		"(!(objectClass=missing))": 0,
	} {
		req := request(filter)
		req.BaseDN = "dc=test"
		res, err := conn.Search(req)
		if err != nil || len(res.Entries) != want {
			t.Errorf("%s: got %v, %v", filter, res, err)
		}
	}
}

func TestLDIFErrors(t *testing.T) {
	const entry = "dn: dc=a\nobjectClass: top\n"
	for ldif, want := range map[string]string{
		"":                          "the LDIF has no entry",
		"cn: x\n":                   "line 1: an entry must begin with dn, not cn",
		entry + "no colon\n":        `line 3: no attribute name in "no colon"`,
		entry + "cn:: %\n":          "line 3: decoding the value of cn",
		entry + "cn:< file:///x\n":  "line 3: value of cn is a URL",
		entry + "changetype: add\n": "line 3: change records are not supported",
		entry + "gidNumber: x\n":    `line 3: value "x" of gidNumber`,
		entry + "cn;x: 1\n":         "line 3: attribute option",
		entry + "\n" + entry:        `loading the entry at line 4: "dc=a" exists already`,
		"dn: nonsense\ncn: x\n":     `loading the entry at line 1: "nonsense": invalid DN`,
		entry + "member: no dn\n":   `line 3: value "no dn" of member`,
	} {
		_, err := New(Config{LDIF: strings.NewReader(ldif)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", ldif, err, want)
		}
	}
}
