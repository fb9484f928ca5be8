package upstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/upstream"
)

// fake is a directory that knows who each of its connections is bound as, and
// that every search names, as its base, who it should run as.
type fake struct {
	t         testing.TB
	listener  net.Listener
	tls       *tls.Config // of ldaps and StartTLS
	wg        sync.WaitGroup
	intercept func(c *fakeConn, m ldap.Message) (handled bool)

	mu        sync.Mutex
	passwords map[string]string
	conns     map[*fakeConn]bool
	seen      map[string]int // dial, bind, search, abandon, unbind
	mixed     []string       // searches that ran as somebody else
}

type fakeConn struct {
	net.Conn
	fake   *fake
	framer *ldap.Framer
	dn     string
}

// newFake starts a directory; change it before the first dial only.
func newFake(t testing.TB, change func(*fake)) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		t: t, listener: listener, conns: map[*fakeConn]bool{}, seen: map[string]int{},
		passwords: map[string]string{"cn=a": "pw-a", "cn=b": "pw-b"},
	}
	if change != nil {
		change(f)
	}
	f.wg.Add(1)
	go f.accept()
	t.Cleanup(f.close)
	return f
}

func (f *fake) close() {
	_ = f.listener.Close()
	f.hangUp()
	f.wg.Wait()
}

// hangUp closes every connection from the server's side.
func (f *fake) hangUp() { f.each(func(c *fakeConn) { _ = c.Conn.Close() }) }

func (f *fake) each(do func(*fakeConn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		do(c)
	}
}

// open is the number of connections that the directory has not seen end.
func (f *fake) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fake) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[what]
}

func (f *fake) saw(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[what]++
}

func (f *fake) setPassword(dn, pw string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passwords[dn] = pw
}

func (f *fake) url(scheme string) string { return scheme + "://" + f.listener.Addr().String() }

func (f *fake) accept() {
	defer f.wg.Done()
	for {
		nc, err := f.listener.Accept()
		if err != nil {
			return
		}
		c := &fakeConn{Conn: nc, fake: f, framer: ldap.NewFramer(nc)}
		f.mu.Lock()
		f.seen["dial"]++
		f.conns[c] = true
		f.mu.Unlock()
		f.wg.Add(1)
		go c.serve()
	}
}

func (c *fakeConn) serve() {
	defer c.fake.wg.Done()
	defer func() {
		c.fake.mu.Lock()
		delete(c.fake.conns, c)
		c.fake.mu.Unlock()
		_ = c.Conn.Close()
	}()
	for {
		frame, err := c.framer.Next(1<<20, nil)
		if err != nil {
			return
		}
		m, err := ldap.ParseMessage(frame)
		if err != nil {
			c.fake.t.Errorf("pool sent %x: %v", frame, err)
			return
		}
		if c.note(m) {
			return
		}
		if c.fake.intercept != nil && c.fake.intercept(c, m) {
			continue
		}
		c.answer(m)
	}
}

// note counts the request and tells whether it was the last.
func (c *fakeConn) note(m ldap.Message) (last bool) {
	names := map[ber.Tag]string{
		ldap.OpBindRequest: "bind", ldap.OpSearchRequest: "search", ldap.OpAbandonRequest: "abandon",
		ldap.OpUnbindRequest: "unbind", ldap.OpExtendedRequest: "extended",
	}
	c.fake.saw(names[m.Op])
	return m.Op == ldap.OpUnbindRequest
}

func (c *fakeConn) answer(m ldap.Message) {
	switch m.Op {
	case ldap.OpBindRequest:
		c.bind(m)
	case ldap.OpSearchRequest:
		c.search(m)
	case ldap.OpCompareRequest:
		c.result(m.ID, ldap.OpCompareResponse, ldap.CompareTrue, "")
	case ldap.OpExtendedRequest:
		c.startTLS(m)
	}
}

func (c *fakeConn) bind(m ldap.Message) {
	b, err := ldap.DecodeBindRequest(m.Body)
	if err != nil {
		c.fake.t.Error(err)
	}
	c.fake.mu.Lock()
	want, known := c.fake.passwords[b.Name]
	c.fake.mu.Unlock()
	if c.dn != "" && c.dn != b.Name {
		c.fake.t.Errorf("connection of %s is bound as %s", c.dn, b.Name)
	}
	if !known || want != string(b.Password) {
		c.dn = ""
		c.result(m.ID, ldap.OpBindResponse, ldap.InvalidCredentials, "wrong")
		return
	}
	c.dn = b.Name
	c.result(m.ID, ldap.OpBindResponse, ldap.Success, "")
}

// search answers three entries, whose DN is the identity it ran as.
func (c *fakeConn) search(m ldap.Message) {
	s, err := ldap.DecodeSearchRequest(string(m.Body), ldap.Limits{Nesting: 9, FilterTerms: 9, Controls: 9, Attributes: 9})
	if err != nil {
		c.fake.t.Error(err)
	}
	if s.Base != c.dn {
		c.fake.mu.Lock()
		c.fake.mixed = append(c.fake.mixed, fmt.Sprintf("search of %q ran as %q", s.Base, c.dn))
		c.fake.mu.Unlock()
	}
	var out []byte
	for range 3 {
		out = append(out, entry(m.ID, c.dn)...)
	}
	_, _ = c.Write(append(out, done(m.ID)...))
}

func (c *fakeConn) startTLS(m ldap.Message) {
	if c.fake.tls == nil {
		c.result(m.ID, ldap.OpExtendedResponse, ldap.Unavailable, "no certificate")
		return
	}
	c.result(m.ID, ldap.OpExtendedResponse, ldap.Success, "")
	c.Conn = tls.Server(c.Conn, c.fake.tls)
	c.framer = ldap.NewFramer(c.Conn)
}

func (c *fakeConn) result(id int32, op ber.Tag, code ldap.ResultCode, text string) {
	_, _ = c.Write(ldap.AppendResult(nil, id, op, &ldap.Result{Code: code, Diagnostic: text}, nil))
}

func entry(id int32, dn string) []byte {
	body := ber.Append(nil, ber.OctetString, dn)
	return ldap.AppendOperation(nil, id, ldap.OpSearchResultEntry, ber.Append(body, ber.Sequence, ""), nil)
}

func done(id int32) []byte {
	return ldap.AppendResult(nil, id, ldap.OpSearchResultDone, &ldap.Result{}, nil)
}

// gauges is an Observer that expects every connection to be counted out again.
type gauges struct {
	mu     sync.Mutex
	counts map[string]int
	up     []bool
	expiry time.Time
}

func (g *gauges) UpstreamConnection(_, state string, delta int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts == nil {
		g.counts = map[string]int{}
	}
	if g.counts[state] += delta; g.counts[state] < 0 {
		panic("gauge below zero: " + state)
	}
}

func (g *gauges) UpstreamUp(_ string, up bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up = append(g.up, up)
}

func (g *gauges) UpstreamTLSExpiry(_ string, notAfter time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expiry = notAfter
}

// ups are the outcomes of dials so far.
func (g *gauges) ups() []bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.up)
}

func (g *gauges) get(state string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts[state]
}

// testPool closes itself and checks that nothing is left over.
type testPool struct {
	*upstream.Pool
	gauges *gauges
}

func newPool(t *testing.T, change func(*upstream.Config), servers ...string) *testPool {
	t.Helper()
	return newPoolAt(t, nil, change, servers...)
}

// clock is a time that only the test moves.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1e9, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// newPoolAt is newPool by a clock of the test.
func newPoolAt(t *testing.T, at *clock, change func(*upstream.Config), servers ...string) *testPool {
	t.Helper()
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Warm = servers, 0 // tests count dials; those of spares ask for them
	if change != nil {
		change(&cfg)
	}
	g := &gauges{}
	opt := upstream.Options{Observer: g}
	if at != nil {
		opt.Now = at.now
	}
	p, err := upstream.New(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Errorf("a lease was not ended: %v", err)
		}
		for state, n := range g.counts {
			if n != 0 {
				t.Errorf("gauge %s stays at %d", state, n)
			}
		}
	})
	return &testPool{p, g}
}

func identity(dn, pw string) *upstream.Identity {
	return upstream.NewIdentity(dn, secret.New([]byte(pw)))
}

func searchBody(base string) []byte {
	return ldap.AppendSearchRequest(nil, &ldap.SearchRequest{Base: base, Filter: ldap.Present("objectClass")})
}

// search runs a whole search and returns the DNs of its entries.
func search(ctx context.Context, c *upstream.Conn, base string) (dns []string, err error) {
	if err := c.Send(ldap.OpSearchRequest, searchBody(base), nil); err != nil {
		return nil, err
	}
	for {
		m, err := c.Receive(ctx)
		if err != nil {
			return dns, err
		}
		if m.Op == ldap.OpSearchResultDone {
			return dns, nil
		}
		e, err := ldap.DecodeEntry(m.Body)
		if err != nil {
			return dns, err
		}
		dns = append(dns, string(e.DN))
	}
}

func mustAcquire(t *testing.T, p *testPool, id *upstream.Identity) *upstream.Conn {
	t.Helper()
	c, err := p.Acquire(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustBind(t *testing.T, p *testPool, id *upstream.Identity, want ldap.ResultCode) upstream.BindAnswer {
	t.Helper()
	a, err := p.Bind(t.Context(), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Result.Code != want {
		t.Fatalf("bind answered %v, want %v", a.Result.Code, want)
	}
	return a
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// authority issues server certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, file: filepath.Join(t.TempDir(), "ca.pem")}
	der, key := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) issue(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore = time.Now().Add(-24 * time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// serve returns the TLS side of a server with a certificate made from c.
func (a *authority) serve(c x509.Certificate) *tls.Config {
	a.t.Helper()
	der, key := a.issue(&c)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func loopback() x509.Certificate {
	return x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"directory.test"}}
}

// newTLSFake is newFake behind TLS from the first byte.
func newTLSFake(t *testing.T, cfg *tls.Config, change func(*fake)) *fake {
	t.Helper()
	return newFake(t, func(f *fake) {
		cfg := cfg.Clone()
		before := cfg.VerifyConnection
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			if s.DidResume {
				f.saw("resumed")
			}
			if before != nil {
				return before(s)
			}
			return nil
		}
		f.listener = tls.NewListener(f.listener, cfg)
		if change != nil {
			change(f)
		}
	})
}
