package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"
)

const (
	adminDN  = "uid=jamf.ldap," + SampleBase
	personDN = "uid=jon.snow," + SampleBase
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a directory on a free port for the time of a test.
func start(t *testing.T, cfg Config) *Directory {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	if err := d.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return d
}

func dial(t *testing.T, addr string) *goldap.Conn {
	t.Helper()
	conn, err := goldap.DialURL("ldap://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetTimeout(10 * time.Second)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func bound(t *testing.T, addr, name string) *goldap.Conn {
	t.Helper()
	conn := dial(t, addr)
	if err := conn.Bind(name, SamplePassword); err != nil {
		t.Fatalf("binding as %s: %v", name, err)
	}
	return conn
}

func wantCode(t *testing.T, err error, code uint16, text string) {
	t.Helper()
	if code == 0 {
		if err != nil {
			t.Fatalf("got %v, want success", err)
		}
		return
	}
	var e *goldap.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want result code %d", err, code)
	}
	if e.ResultCode != code || (text != "" && e.Err.Error() != text) {
		t.Fatalf("got %d %q, want %d %q", e.ResultCode, e.Err, code, text)
	}
}

// request is a search below the sample base for everything.
func request(filter string, attrs ...string) *goldap.SearchRequest {
	return goldap.NewSearchRequest(SampleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
		0, 0, false, filter, attrs, nil)
}

func names(res *goldap.SearchResult) []string {
	var list []string
	for _, e := range res.Entries {
		list = append(list, e.DN)
	}
	return list
}

func attrNames(e *goldap.Entry) []string {
	var list []string
	for _, a := range e.Attributes {
		list = append(list, a.Name)
	}
	slices.Sort(list)
	return list
}

// certificate makes a TLS configuration for 127.0.0.1 and one that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "directory test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}
