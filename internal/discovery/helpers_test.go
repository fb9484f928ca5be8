package discovery_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/upstream"
)

const (
	base      = directory.SampleBase
	accountDN = "uid=jamf.ldap," + base
	patience  = 10 * time.Second // what must not happen takes longer than this
)

// startDirectory runs the embedded directory with the LDIF, nil for the sample.
func startDirectory(t testing.TB, cfg directory.Config) *directory.Directory {
	t.Helper()
	d, err := directory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return d
}

// source reads from the server at addr as the sample's service account.
func source(t testing.TB, addr string, change ...func(*upstream.Config, *discovery.Source)) *discovery.Source {
	t.Helper()
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Base = []string{"ldap://" + addr}, base
	s := &discovery.Source{
		Base: base, Class: "groupOfNames", Account: accountDN, Knob: "upstream.service_account",
		Identity: upstream.NewIdentity(accountDN, secret.New([]byte(directory.SamplePassword))),
	}
	for _, f := range change {
		f(&cfg, s)
	}
	pool, err := upstream.New(cfg, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := pool.Close(ctx); err != nil {
			t.Errorf("a connection was not given back: %v", err)
		}
	})
	s.Pool = pool
	return s
}

// fake is an upstream that takes every bind and answers searches as its script
// says.
type fake struct {
	listener net.Listener
	answer   func(c *fakeConn, m ldap.Message, s ldap.SearchRequest)
	bind     func() ldap.ResultCode // nil: success

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool
	binds int
}

type fakeConn struct {
	net.Conn
	out []byte
}

func startFake(t testing.TB, answer func(c *fakeConn, m ldap.Message, s ldap.SearchRequest)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{listener: l, answer: answer, conns: map[net.Conn]bool{}}
	f.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[c] = true
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(&fakeConn{Conn: c}) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for c := range f.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *fake) addr() string { return f.listener.Addr().String() }

func (f *fake) bound() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.binds
}

func (f *fake) serve(c *fakeConn) {
	defer c.Close()
	framer := ldap.NewFramer(c)
	for {
		frame, err := framer.Next(1<<20, nil)
		if err != nil {
			return
		}
		m, err := ldap.ParseMessage(frame)
		if err != nil {
			return
		}
		switch m.Op {
		case ldap.OpBindRequest:
			code := ldap.Success
			f.mu.Lock()
			f.binds++
			if f.bind != nil {
				code = f.bind()
			}
			f.mu.Unlock()
			c.done(m.ID, ldap.OpBindResponse, code, "", nil)
		case ldap.OpSearchRequest:
			s, err := ldap.DecodeSearchRequest(string(m.Body), ldap.Limits{Nesting: 9, FilterTerms: 9, Controls: 9, Attributes: 9})
			if err != nil {
				return
			}
			f.answer(c, m, s)
		}
		if _, err := c.Write(c.out); err != nil {
			return
		}
		c.out = c.out[:0]
	}
}

// entry adds an entry to the answer.
func (c *fakeConn) entry(id int32, dn string, attributes ...[]string) {
	c.out = appendEntry(c.out, id, dn, attributes...)
}

// appendEntry writes an entry; each attribute is its name and its values.
func appendEntry(dst []byte, id int32, dn string, attributes ...[]string) []byte {
	body := ber.Append(nil, ber.OctetString, dn)
	body, list := ber.Begin(body, ber.Sequence, 0)
	for _, a := range attributes {
		var one, set ber.Mark
		body, one = ber.Begin(body, ber.Sequence, 0)
		body = ber.Append(body, ber.OctetString, a[0])
		body, set = ber.Begin(body, ber.Set, 0)
		for _, v := range a[1:] {
			body = ber.Append(body, ber.OctetString, v)
		}
		body = ber.End(body, set, 0)
		body = ber.End(body, one, 0)
	}
	body = ber.End(body, list, 0)
	return ldap.AppendOperation(dst, id, ldap.OpSearchResultEntry, body, nil)
}

// done ends the answer; cookie nil means without the paging control.
func (c *fakeConn) done(id int32, op ber.Tag, code ldap.ResultCode, text string, cookie *string) {
	var controls []byte
	if cookie != nil {
		controls = ldap.AppendControl(nil, ldap.PagedResults{Cookie: *cookie}.Control(false))
	}
	c.out = ldap.AppendResult(c.out, id, op, &ldap.Result{Code: code, Diagnostic: text}, controls)
}

// hangUp closes the connection behind what has been written.
func (c *fakeConn) hangUp() {
	_, _ = c.Write(c.out)
	c.out = c.out[:0]
	_ = c.Close()
}
