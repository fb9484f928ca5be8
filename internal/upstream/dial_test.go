package upstream_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

func TestNewNamesTheKnob(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*upstream.Config)
		want   []string
	}{
		"no server":        {func(c *upstream.Config) { c.Servers = nil }, []string{"upstream.servers: none"}},
		"no URL":           {func(c *upstream.Config) { c.Servers = []string{"ldap://[x"} }, []string{"upstream.servers[0]: not a URL"}},
		"bare host":        {func(c *upstream.Config) { c.Servers = []string{"dc1"} }, []string{"upstream.servers[0]: scheme"}},
		"other scheme":     {func(c *upstream.Config) { c.Servers = []string{"ldaps://a", "http://b"} }, []string{`upstream.servers[1]: scheme "http"`}},
		"no host":          {func(c *upstream.Config) { c.Servers = []string{"ldaps://:636"} }, []string{"names no host"}},
		"bad port":         {func(c *upstream.Config) { c.Servers = []string{"ldaps://a:70000"} }, []string{`port "70000"`}},
		"port 0":           {func(c *upstream.Config) { c.Servers = []string{"ldaps://a:0"} }, []string{`port "0"`}},
		"base in the URL":  {func(c *upstream.Config) { c.Servers = []string{"ldaps://a/dc=x"} }, []string{"upstream.base"}},
		"password in URL":  {func(c *upstream.Config) { c.Servers = []string{"ldaps://u:geheim@a"} }, []string{"a user has no place"}},
		"plain text":       {func(c *upstream.Config) { c.Servers = []string{"ldap://dc1"} }, []string{"upstream.servers", "upstream.starttls", "upstream.allow_plaintext"}},
		"plain text by IP": {func(c *upstream.Config) { c.Servers = []string{"ldap://10.0.0.1"} }, []string{"upstream.allow_plaintext"}},
		"no CA file":       {func(c *upstream.Config) { c.TLS.CA = "/nonexistent/ca.pem" }, []string{"upstream.tls.ca"}},
		"CA is no PEM":     {func(c *upstream.Config) { c.TLS.CA = notPEM }, []string{"upstream.tls.ca", "no PEM certificate"}},
		"TLS 1.1":          {func(c *upstream.Config) { c.TLS.MinVersion = "1.1" }, []string{"upstream.tls.min_version"}},
		"no time":          {func(c *upstream.Config) { c.ConnectTimeout = 0 }, []string{"upstream.connect_timeout"}},
		"all at once": {func(c *upstream.Config) {
			c.Servers, c.TLS.MinVersion, c.MaxPDU = []string{"x://", "ldap://dc1"}, "9", 0
		}, []string{"upstream.servers[0]", "upstream.starttls", "upstream.tls.min_version", "upstream.max_pdu"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := upstream.DefaultConfig()
			cfg.Servers = []string{"ldaps://dc1"}
			tc.change(&cfg)
			p, err := upstream.New(cfg, upstream.Options{})
			if err == nil {
				_ = p.Close(t.Context())
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error holds a password: %v", err)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	for name, change := range map[string]func(*upstream.Config){
		"ldaps":    func(c *upstream.Config) { c.Servers = []string{"ldaps://dc1", "ldaps://dc2:1636/"} },
		"StartTLS": func(c *upstream.Config) { c.Servers, c.StartTLS = []string{"ldap://dc1"}, true },
		"loopback names": func(c *upstream.Config) {
			c.Servers = []string{"ldap://localhost", "ldap://127.0.0.9:10389", "ldap://[::1]"}
		},
		"plain text on order": func(c *upstream.Config) { c.Servers, c.AllowPlaintext = []string{"ldap://dc1"}, true },
	} {
		cfg := upstream.DefaultConfig()
		change(&cfg)
		p, err := upstream.New(cfg, upstream.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestTLSAndResumption(t *testing.T) {
	ca := newAuthority(t)
	cfg := ca.serve(loopback())
	resumed := make(chan bool, 9)
	cfg.VerifyConnection = func(s tls.ConnectionState) error { resumed <- s.DidResume; return nil }
	f := newTLSFake(t, cfg, nil)
	p := newPool(t, func(c *upstream.Config) { c.TLS.CA = ca.file }, f.url("ldaps"))
	for i := range 2 {
		c, err := p.AcquireFresh(t.Context(), identity("cn=a", "pw-a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := search(t.Context(), c, "cn=a"); err != nil {
			t.Error(err)
		}
		c.Discard()
		if got := <-resumed; got != (i == 1) {
			t.Errorf("dial %d: resumed %v", i, got)
		}
	}
	if left := time.Until(p.gauges.expiry); left < 50*time.Minute || left > time.Hour {
		t.Errorf("certificate ends in %v", left)
	}
}

func TestCertificatesThatAreRefused(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	expired := loopback()
	expired.NotAfter = time.Now().Add(-time.Hour)
	elsewhere := x509.Certificate{DNSNames: []string{"directory.test"}}
	for name, tc := range map[string]struct {
		serve *tls.Config
		as    any
		hint  string
	}{
		"unknown root": {other.serve(loopback()), new(x509.UnknownAuthorityError), "upstream.tls.ca"},
		"other name":   {ours.serve(elsewhere), new(x509.HostnameError), "upstream.tls.server_name"},
		"expired":      {ours.serve(expired), new(x509.CertificateInvalidError), "clock"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTLSFake(t, tc.serve, nil)
			p := newPool(t, func(c *upstream.Config) { c.TLS.CA = ours.file }, f.url("ldaps"))
			_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
			var e *upstream.Error
			if !errors.As(err, &e) || e.Sent || e.Timeout || !errors.As(err, tc.as) {
				t.Fatalf("got %#v", err)
			}
			if !strings.HasPrefix(err.Error(), "dialing "+f.url("ldaps")+": ") || !strings.Contains(err.Error(), tc.hint) {
				t.Errorf("got %v", err)
			}
			if f.count("bind") != 0 {
				t.Error("a bind was sent")
			}
		})
	}
	f := newTLSFake(t, ours.serve(elsewhere), nil)
	p := newPool(t, func(c *upstream.Config) { c.TLS.CA, c.TLS.ServerName = ours.file, "directory.test" }, f.url("ldaps"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
}

func TestTLSToAServerWithoutTLS(t *testing.T) {
	f := newFake(t, func(f *fake) { f.listener = greeter{f.listener} })
	p := newPool(t, nil, f.url("ldaps"))
	_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
	if err == nil || !strings.Contains(err.Error(), "upstream.starttls") {
		t.Errorf("got %v", err)
	}
}

// greeter speaks first, and no TLS.
type greeter struct{ net.Listener }

func (g greeter) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err == nil {
		_, _ = c.Write([]byte("220 mail.test ESMTP\r\n"))
	}
	return c, err
}

func TestMinimumVersion(t *testing.T) {
	ca := newAuthority(t)
	cfg := ca.serve(loopback())
	cfg.MaxVersion = tls.VersionTLS12
	f := newTLSFake(t, cfg, nil)
	p := newPool(t, func(c *upstream.Config) { c.TLS.CA, c.TLS.MinVersion = ca.file, "1.3" }, f.url("ldaps"))
	if _, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil); err == nil {
		t.Error("accepted TLS 1.2")
	}
}

func TestStartTLS(t *testing.T) {
	ca := newAuthority(t)
	f := newFake(t, func(f *fake) { f.tls = ca.serve(loopback()) })
	p := newPool(t, func(c *upstream.Config) { c.TLS.CA, c.StartTLS = ca.file, true }, f.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	if dns, err := search(t.Context(), c, "cn=a"); err != nil || len(dns) != 3 {
		t.Errorf("search: %v, %v", dns, err)
	}
	if f.count("extended") != 1 || p.gauges.expiry.IsZero() {
		t.Errorf("%d StartTLS requests", f.count("extended"))
	}
}

// Whatever a man in the middle does to StartTLS, no password follows in clear.
func TestStartTLSNeverFallsBack(t *testing.T) {
	ok := func(id int32) []byte {
		return ldap.AppendExtendedResponse(nil, id, &ldap.Result{}, ldap.OIDStartTLS, nil)
	}
	for name, tc := range map[string]struct {
		answer func(id int32) []byte
		want   string
	}{
		"refused": {func(id int32) []byte {
			return ldap.AppendExtendedResponse(nil, id, &ldap.Result{Code: ldap.ProtocolError, Diagnostic: "unsupported"}, "", nil)
		}, "server refuses: protocolError (2): unsupported (see upstream.starttls)"},
		"foreign ID":      {func(id int32) []byte { return ok(id + 1) }, "something else"},
		"other operation": {func(id int32) []byte { return done(id) }, "something else"},
		"no result":       {func(id int32) []byte { return ldap.AppendOperation(nil, id, ldap.OpExtendedResponse, nil, nil) }, "malformed"},
		"injected answer": {func(id int32) []byte {
			return append(ok(id), ldap.AppendResult(nil, id+1, ldap.OpBindResponse, &ldap.Result{}, nil)...)
		}, "between its answer and the handshake"},
		"clear text goes on": {ok, "shaking hands over TLS"},
		"garbage":            {func(int32) []byte { return []byte("hello") }, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(f *fake) {
				f.intercept = func(c *fakeConn, m ldap.Message) bool {
					_, _ = c.Write(tc.answer(m.ID))
					if name == "clear text goes on" {
						hello := make([]byte, 4<<10)
						n, _ := c.Read(hello)
						if n == 0 || hello[0] != 0x16 { // a TLS handshake record
							t.Errorf("went on with %x", hello[:n])
						}
						_, _ = c.Write(done(m.ID + 1))
					}
					return true
				}
			})
			p := newPool(t, func(c *upstream.Config) { c.StartTLS = true }, f.url("ldap"))
			_, err := p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
			var e *upstream.Error
			if !errors.As(err, &e) || e.Sent || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if f.count("bind") != 0 {
				t.Error("a bind was sent")
			}
		})
	}
}

// newHole accepts connections and never says a word.
func newHole(t *testing.T) *fake {
	return newFake(t, func(f *fake) { f.listener = mute{f.listener} })
}

type mute struct{ net.Listener }

func (m mute) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	return muteConn{c}, err
}

type muteConn struct{ net.Conn }

func (c muteConn) Read([]byte) (int, error) {
	_, err := io.Copy(io.Discard, c.Conn)
	return 0, errors.Join(io.EOF, err)
}

func TestBlackHole(t *testing.T) {
	hole := newHole(t)
	const limit = 100 * time.Millisecond
	for name, tc := range map[string]struct {
		scheme string
		want   string
	}{"TLS": {"ldaps", "shaking hands over TLS"}, "StartTLS": {"ldap", "starting TLS"}} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, func(c *upstream.Config) { c.ConnectTimeout, c.StartTLS = limit, true }, hole.url(tc.scheme))
			began := time.Now()
			_, err := p.Acquire(t.Context(), identity("cn=a", "pw-a"))
			var e *upstream.Error
			if !errors.As(err, &e) || !e.Timeout || e.Sent {
				t.Errorf("got %#v", err)
			}
			if took := time.Since(began); took < limit || took > limit+2*time.Second {
				t.Errorf("took %v", took)
			}
			if want := "dialing " + hole.url(tc.scheme) + ": no connection within upstream.connect_timeout (100ms): " + tc.want; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestCallerLeavesDuringTheDial(t *testing.T) {
	hole := newHole(t)
	p := newPool(t, nil, hole.url("ldaps"), hole.url("ldaps"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := p.Acquire(ctx, identity("cn=a", "pw-a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(p.gauges.ups()) != 0 || hole.count("dial") != 1 {
		t.Errorf("a caller's change of mind says %v about the server; %d dials", p.gauges.ups(), hole.count("dial"))
	}
}

func TestServersAreTriedInOrder(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "ldap://" + dead.Addr().String()
	_ = dead.Close()
	f := newFake(t, nil)
	p := newPool(t, nil, gone, f.url("ldap"))
	if a := mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success); a.Server != f.url("ldap") {
		t.Errorf("server %s", a.Server)
	}
	if up := p.gauges.ups(); len(up) < 2 || up[0] || !up[1] {
		t.Errorf("up: %v", p.gauges.ups())
	}
	// A wrong password is an answer: no other server is asked for a better one.
	p = newPool(t, nil, f.url("ldap"), gone)
	mustBind(t, p, identity("cn=a", "typo"), ldap.InvalidCredentials)
	if len(p.gauges.ups()) != 1 {
		t.Errorf("up: %v", p.gauges.ups())
	}

	p = newPool(t, nil, gone, gone)
	_, err = p.Bind(t.Context(), identity("cn=a", "pw-a"), nil)
	var e *upstream.Error
	if !errors.As(err, &e) || e.Sent || strings.Count(err.Error(), "dialing "+gone) != 2 {
		t.Errorf("got %v", err)
	}
}
