package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/certs"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// patience is long enough for a loaded machine.
const patience = 20 * time.Second

// serve gives every connection to handle, and closes it behind.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			handle(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// secured shakes hands and waits for the client to go.
func secured(config *tls.Config) func(net.Conn) {
	return func(c net.Conn) {
		server := tls.Server(c, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
	}
}

// answering takes one LDAP message and answers to StartTLS.
func answering(answer []byte, then func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := ldap.NewFramer(c).Next(1<<16, nil); err != nil {
			return
		}
		_, _ = c.Write(answer)
		if then != nil {
			then(c)
		}
	}
}

func startTLSAnswer(id int32, r ldap.Result) []byte {
	return ldap.AppendExtendedResponse(nil, id, &r, ldap.OIDStartTLS, nil)
}

func target(t *testing.T, text string) certs.Target {
	t.Helper()
	parsed, err := certs.ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func fetch(t *testing.T, text string) (*certs.Chain, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return certs.Fetch(ctx, target(t, text))
}

func mustFetch(t *testing.T, text string) *certs.Chain {
	t.Helper()
	chain, err := fetch(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func TestFetch(t *testing.T) {
	root := newIssuer(t, nil, "Example root")
	between := newIssuer(t, root, "Example servers")
	config := between.serving(loopback(), between)
	for _, url := range []string{
		"ldaps://" + serve(t, secured(config)),
		"ldap://" + serve(t, answering(startTLSAnswer(1, ldap.Result{}), secured(config))),
	} {
		chain := mustFetch(t, url)
		if len(chain.Certificates) != 2 || !chain.Certificates[1].Equal(between.cert) || chain.VersionName() != "TLS 1.3" || len(chain.Notes()) != 0 {
			t.Errorf("%s: %d certificates over %s, %q", url, len(chain.Certificates), chain.VersionName(), chain.Notes())
		}
		v := chain.Judge(root.roots(), time.Now())
		if len(v.Problems) != 0 || v.Root == nil || !v.Root.Equal(root.cert) || !v.Unsent || v.Missing != "CN=Example root" {
			t.Errorf("%s: %+v", url, v)
		}
	}
}

// A server of the past, and one that wants a certificate of the client, are
// shown as well, with a word about it.
func TestFetchNotes(t *testing.T) {
	root := newIssuer(t, nil, "Example root")
	old := root.serving(loopback())
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	demanding := root.serving(loopback())
	demanding.ClientAuth, demanding.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	for want, config := range map[string]*tls.Config{
		"The server knows only TLS 1.0; the proxy speaks 1.2 and 1.3, and refuses it.": old,
		"Behind its certificates the server ended the handshake":                       demanding,
	} {
		chain := mustFetch(t, serve(t, secured(config)))
		if notes := chain.Notes(); len(chain.Certificates) != 1 || len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("notes %q, want %q", notes, want)
		}
	}
}

func TestNoCertificates(t *testing.T) {
	plain, err := directory.New(directory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	if err := plain.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	webAddress := strings.TrimPrefix(web.URL, "http://")
	ldaps := serve(t, secured(newIssuer(t, nil, "root").serving(loopback())))
	notice := ldap.AppendNoticeOfDisconnection(nil, ldap.ProtocolError, "what is this")
	hello := serve(t, func(c net.Conn) {
		_, _ = c.Write(notice)
		_, _ = io.Copy(io.Discard, c)
	})
	refusing := serve(t, answering(startTLSAnswer(1, ldap.Result{Code: ldap.ProtocolError, Diagnostic: "unsupported"}), nil))
	confused := serve(t, answering(startTLSAnswer(2, ldap.Result{}), nil))
	halfway := serve(t, answering(startTLSAnswer(1, ldap.Result{}), nil))
	for name, tc := range map[string]struct{ url, want, try string }{
		"LDAP, hangs up":     {"ldaps://" + plain.Addr(), "shaking hands with", "ldap://" + plain.Addr()},
		"LDAP, says so":      {"ldaps://" + hello, "does not look like a TLS handshake", "ldap://" + hello + ": the port speaks LDAP without TLS"},
		"web server":         {webAddress, "does not look like a TLS handshake", "a web server answers there"},
		"closed":             {closed.Addr().String(), "refused", "check the port"},
		"no such name":       {"ldaps://nowhere.invalid", "connecting to ldaps://nowhere.invalid:636", "no address of nowhere.invalid"},
		"StartTLS on LDAPS":  {"ldap://" + ldaps, "for StartTLS", "ldaps://" + ldaps},
		"StartTLS refused":   {"ldap://" + refusing, "the server refuses: protocolError (2) unsupported", "ldaps://127.0.0.1"},
		"StartTLS confused":  {"ldap://" + confused, "something else", "check the port"},
		"StartTLS hangs up":  {"ldap://" + halfway, "shaking hands with ldap://", "log of the server"},
		"StartTLS notice":    {"ldap://" + hello, "something else", "check the port"},
		"StartTLS of nobody": {"ldap://" + closed.Addr().String(), "refused", "check the port"},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := fetch(t, tc.url)
			var trouble *certs.Error
			if !errors.As(err, &trouble) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(trouble.Try, tc.try) {
				t.Errorf("got %v, %v\ntry %+v", chain, err, trouble)
			}
		})
	}
}

// A server that takes the connection and is silent costs the time given, and
// Ctrl-C ends the wait.
func TestSilentServer(t *testing.T) {
	took := make(chan struct{}, 9)
	address := serve(t, func(c net.Conn) {
		took <- struct{}{}
		_, _ = io.Copy(io.Discard, c)
	})
	for _, url := range []string{"ldaps://" + address, "ldap://" + address} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := certs.Fetch(ctx, target(t, url))
		cancel()
		var trouble *certs.Error
		if !errors.As(err, &trouble) || trouble.Try == "" || !strings.Contains(err.Error(), "no answer in time") && !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: %v", url, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		for len(took) > 0 {
			<-took
		}
		go func() {
			<-took
			cancel()
		}()
		if _, err := certs.Fetch(ctx, target(t, url)); err == nil {
			t.Errorf("%s: no error", url)
		}
		cancel()
	}
}

func TestJudge(t *testing.T) {
	root, foreign := newIssuer(t, nil, "Example root"), newIssuer(t, nil, "Foreign root")
	between := newIssuer(t, root, "Example servers")
	twin := newIssuer(t, nil, "Example root") // the same name, another key
	dead := newIssuer(t, root, "Dead servers", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-72*time.Hour), time.Now().Add(-48*time.Hour)
	})
	with := func(change func(*x509.Certificate)) *x509.Certificate {
		c := loopback()
		change(c)
		return c
	}
	expired := with(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-20*time.Hour), time.Now().Add(-time.Hour)
	})
	early := with(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	elsewhere := with(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"directory.test"}, nil })
	wild := with(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"*.test"}, nil })
	nameless := with(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })
	client := with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	for name, tc := range map[string]struct {
		config  *tls.Config
		roots   *issuer
		kinds   []string
		missing string
		words   []string // of the problems
	}{
		"trusted, root sent":  {config: root.serving(loopback(), root), roots: root},
		"trusted, wrong ends": {config: between.serving(loopback(), root, between, foreign), roots: root},
		"unknown, root sent": {config: root.serving(loopback(), root), roots: foreign, kinds: []string{certs.UnknownAuthority},
			words: []string{"confirm the SHA-256 of the last certificate", certs.Describe(root.cert, time.Now()).SHA256, "upstream.tls.ca", "Use SSL"}},
		"unknown, root not sent": {config: between.serving(loopback(), between), roots: foreign, kinds: []string{certs.UnknownAuthority}, missing: "CN=Example root",
			words: []string{"get the certificate of CN=Example root, which the server does not send"}},
		"unknown, nothing sent": {config: between.serving(loopback()), roots: root, kinds: []string{certs.UnknownAuthority}, missing: "CN=Example servers",
			words: []string{"get the certificate of CN=Example servers"}},
		"unknown, namesake": {config: root.serving(loopback(), root), roots: twin, kinds: []string{certs.UnknownAuthority}, words: []string{"ECDSA verification failure"}},
		"name": {config: root.serving(elsewhere, root), roots: root, kinds: []string{certs.NameMismatch},
			words: []string{"it is for directory.test, not for 127.0.0.1", "upstream.tls.server_name: directory.test", "no setting"}},
		"wildcard": {config: root.serving(wild, root), roots: root, kinds: []string{certs.NameMismatch}, words: []string{"it is for *.test", "server_name: ldap.test"}},
		"no name":  {config: root.serving(nameless, root), roots: root, kinds: []string{certs.NameMismatch}, words: []string{"no subject alternative name"}},
		"expired": {config: root.serving(expired, root), roots: root, kinds: []string{certs.Expired},
			words: []string{"certificate 1 ended on ", "and it is ", "cert create --force", "Jamf refuses it as well"}},
		"not yet": {config: root.serving(early, root), roots: root, kinds: []string{certs.NotYetValid}, words: []string{"certificate 1 begins on ", "clock"}},
		"expired and unknown": {config: root.serving(expired, root), roots: foreign,
			kinds: []string{certs.Expired, certs.UnknownAuthority}},
		"dead between":      {config: dead.serving(loopback(), dead, root), roots: root, kinds: []string{certs.Expired}, words: []string{"certificate 2 ended on"}},
		"expired elsewhere": {config: root.serving(loopback(), root, dead), roots: root},
		"for clients":       {config: root.serving(client, root), roots: root, kinds: []string{certs.Unusable}, words: []string{"incompatible key usage"}},
		"everything": {config: foreign.serving(with(func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses, c.NotAfter = nil, nil, time.Now().Add(-time.Hour)
		})), roots: root, kinds: []string{certs.NameMismatch, certs.Expired, certs.UnknownAuthority}, missing: "CN=Foreign root"},
	} {
		t.Run(name, func(t *testing.T) {
			v := mustFetch(t, serve(t, secured(tc.config))).Judge(tc.roots.roots(), time.Now())
			var kinds []string
			var text strings.Builder
			for _, p := range v.Problems {
				kinds = append(kinds, p.Kind)
				text.WriteString(p.Why + "\n" + p.Try + "\n" + p.Jamf + "\n")
			}
			if !slices.Equal(kinds, tc.kinds) || v.Missing != tc.missing || len(kinds) == 0 && !v.Root.Equal(root.cert) {
				t.Errorf("%q, missing %q, root %v\n%s", kinds, v.Missing, v.Root != nil, &text)
			}
			for _, w := range tc.words {
				if !strings.Contains(text.String(), w) {
					t.Errorf("lacks %q:\n%s", w, &text)
				}
			}
		})
	}
}

func TestLoadRoots(t *testing.T) {
	if roots, err := certs.LoadRoots(""); err != nil || roots.String() != "the roots that this machine trusts" {
		t.Errorf("%v, %v", roots, err)
	}
	garbage := t.TempDir() + "/x.pem"
	write(t, garbage, []byte("x"))
	for _, file := range []string{garbage, t.TempDir() + "/nowhere.pem"} {
		var mistake *certs.Error
		if _, err := certs.LoadRoots(file); !errors.As(err, &mistake) || !strings.Contains(err.Error(), file) || mistake.Try == "" {
			t.Errorf("%v", err)
		}
	}
}
