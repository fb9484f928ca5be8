package jamf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority makes certificates of one root.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key}
	a.root = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: now.Add(time.Hour),
	})
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) *x509.Certificate {
	t.Helper()
	c.SerialNumber, c.NotBefore = big.NewInt(now.UnixNano()), now.Add(-time.Hour)
	parent := a.root
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (a *authority) server(t *testing.T, end time.Time, names ...string) *x509.Certificate {
	return a.sign(t, &x509.Certificate{DNSNames: names, NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func asPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func TestCheckConnection(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Connection)
		want   string
	}{
		{"nothing", func(*Connection) {}, ""},
		{"no host", func(c *Connection) { c.Host = "" }, "fail Server and Port"},
		{"the directory itself", func(c *Connection) { c.Host = "LDAP.jumpcloud.com" }, "fail Server and Port"},
		{"a port that nobody listens on", func(c *Connection) { c.Port = 636 }, "warn Server and Port"},
		{"the port of this machine", func(c *Connection) { c.Port, c.UseSSL = 1389, false }, "fail Server and Port; warn Use SSL"},
		{"on the same machine", func(c *Connection) { c.Host, c.Port, c.UseSSL = "localhost", 1389, false }, ""},
		{"TLS on a plain port", func(c *Connection) { c.Host, c.Port = "127.0.0.1", 1389 }, "fail Use SSL"},
		{"no TLS on its port", func(c *Connection) { c.UseSSL = false }, "fail Use SSL"},
		{"another service", func(c *Connection) { c.Type = "Open Directory" }, "warn Directory Service"},
		{"nobody asks", func(c *Connection) { c.Authentication, c.AccountDN = "none", "" }, "fail Authentication Type"},
		{"digest", func(c *Connection) { c.Authentication = "DIGEST-MD5" }, "fail Authentication Type"},
		{"no account", func(c *Connection) { c.AccountDN = "" }, "fail Distinguished Username"},
		{"a name for a DN", func(c *Connection) { c.AccountDN = "jamf" }, "fail Distinguished Username"},
		{"an account elsewhere", func(c *Connection) { c.AccountDN = "uid=jamf,ou=Users,o=other,dc=jumpcloud,dc=com" }, "fail Distinguished Username"},
		{"impatient", func(c *Connection) { c.ConnectionTimeout, c.SearchTimeout = 5, 30 }, "warn Connection Timeout; warn Search Timeout"},
		{"for ever", func(c *Connection) { c.ConnectionTimeout, c.SearchTimeout = 0, 0 }, ""},
		{"follows", func(c *Connection) { c.Referral = "follow" }, "warn Referral Response"},
		{"default", func(c *Connection) { c.Referral = "" }, ""},
		{"whole names", func(c *Connection) { c.UseWildcards = false }, "warn Use Wildcards When Searching"},
		{"switched off", func(c *Connection) { c.Enabled = false }, "warn enabled"},
		{"migrated", func(c *Connection) { c.MigratedTo = 1001 }, "fail migrated_to_id"},
	} {
		s := Recommend(site(ModePosix))
		s.Connection.Certificate = "there is one"
		c.change(&s.Connection)
		if got := findings(site(ModePosix), s); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestCheckCertificate(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	const name = "ldap-proxy.example.com"
	for _, c := range []struct {
		what, host, uploaded string
		cert                 *x509.Certificate
		want                 string
	}{
		{"its root", name, asPEM(ours.root), ours.server(t, now.Add(time.Hour), name), ""},
		{"its root in base64", name, base64.StdEncoding.EncodeToString(ours.root.Raw), ours.server(t, now.Add(time.Hour), name), ""},
		{"another root", name, asPEM(theirs.root), ours.server(t, now.Add(time.Hour), name), "fail Certificate"},
		{"one of two roots", name, asPEM(theirs.root) + asPEM(ours.root), ours.server(t, now.Add(time.Hour), name), ""},
		{"none", name, "", ours.server(t, now.Add(time.Hour), name), "warn Certificate"},
		{"another name", "10.0.0.5", asPEM(ours.root), ours.server(t, now.Add(time.Hour), name), "fail Server"},
		{"ended", name, asPEM(ours.root), ours.server(t, now.Add(-time.Minute), name), "fail Certificate"},
	} {
		at := site(ModePosix, func(s *Site) { s.Listeners[0].Certificate = c.cert })
		s := Recommend(at)
		if s.Connection.Host != name {
			t.Errorf("%s is recommended, which is not in the certificate", s.Connection.Host)
		}
		s.Connection.Host, s.Connection.Certificate = c.host, c.uploaded
		if got := findings(at, s); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestRecommendedTimeoutsOfPatientProxies(t *testing.T) {
	c := Recommend(site(ModePosix, func(s *Site) { s.LongestBind, s.LongestSearch = 69500*time.Millisecond, 2*time.Minute })).Connection
	if c.ConnectionTimeout != 70 || c.SearchTimeout != 120 {
		t.Errorf("%d and %d s", c.ConnectionTimeout, c.SearchTimeout)
	}
}

func TestValuesOfOthersAreOneLine(t *testing.T) {
	s := Recommend(site(ModePosix))
	s.Groups.Name = "cn\n\x1b[31m" + strings.Repeat("x", 1000)
	for _, f := range Check(site(ModePosix), s, now) {
		if len(f.Value) > maxText || strings.ContainsAny(f.Value, "\n\x1b") {
			t.Errorf("%s shows %q", f.Label, f.Value)
		}
	}
}
