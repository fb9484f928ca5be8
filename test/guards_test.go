package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
)

// What guards.bases and guards.bind_dns refuse is answered with a code and the
// name of the knob, is in the log, and is never asked of the directory.
func TestGuards(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, guards: yamlMap{"bases": []string{usersBase}, "bind_dns": []string{strings.ToUpper(service)}}})
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			usable(t, c)
			above := search("(uid=jon.snow)", "uid")
			_, above.Base, _ = strings.Cut(usersBase, ",")
			compare := request{Compare: true, Base: above.Base, Attr: "o", Value: "x"}
			for _, q := range []request{above, compare} {
				a := c.ask(t, q)
				told := strings.Contains(a.Text, "guards.bases") || q.Compare // ldapcompare does not print the text
				if a.Code != goldap.LDAPResultInsufficientAccessRights || len(a.Entries) > 0 || !told {
					t.Errorf("%+v: code %d %q, %d entries", q, a.Code, a.Text, len(a.Entries))
				}
			}
		})
		w := p.connect()
		if r := w.ask(bindOp(3, endUser, password)); r.code != goldap.LDAPResultUnwillingToPerform || !strings.Contains(r.text, "guards.bind_dns") {
			t.Errorf("bind: %d %s", r.code, r.text)
		}
		if who := w.whoAmI(); who != "" {
			t.Errorf("the session is %q", who)
		}
		w.bind(service, password)
		root := request{Scope: 0, Filter: "(objectClass=*)", Attrs: []string{"+"}}
		if a := w.search(root); a.Code != 0 || len(a.Entries) != 1 {
			t.Errorf("rootDSE: %d, %d entries", a.Code, len(a.Entries))
		}
		for hint, op := range map[string]string{"guarded-base": "search", "guarded-bind-dn": "bind"} {
			p.awaitLookup("hint "+hint, func(r record) bool {
				list, _ := r["hints"].([]any)
				return r.text("op") == op && slices.Contains(list, any(hint)) && r["upstream"] == nil
			})
		}
		if n := p.counted(`bind_failures_total{reason="not_allowed"}`); n != "1" {
			t.Errorf("not_allowed is %s", n)
		}
	})
}

// Java's JNDI, which is Jamf's, understands both refusals.
func TestGuardsByJNDI(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, guards: yamlMap{"bind_dns": []string{"*," + usersBase}}})
	c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
	usable(t, c)
	if a := c.do("rebind", "cn=admin,dc=jumpcloud,dc=com", password); a.Code != goldap.LDAPResultUnwillingToPerform {
		t.Errorf("code %d %s", a.Code, a.Text)
	}
}

func TestStripJavaHasASwitch(t *testing.T) {
	t.Parallel()
	evil := orgLDIF + "\n\ndn: uid=evil," + usersBase + "\nobjectClass: inetOrgPerson\nobjectClass: javaNamingReference\nuid: evil\ncn: evil\nsn: evil\njavaClassName: a\n"
	up, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(evil)})
	for _, strips := range []bool{true, false} {
		p := startWith(t, settings{servers: []string{up.url()}, guards: yamlMap{"strip_java": strips}})
		a := p.session().search(search("(uid=evil)", "uid", "objectClass", "javaClassName"))
		if len(a.Entries) != 1 {
			t.Fatalf("code %d, %d entries", a.Code, len(a.Entries))
		}
		attrs := a.Entries[0].Attrs
		if got := len(attrs["javaClassName"]) == 0 && !slices.Contains(attrs["objectClass"], "javaNamingReference"); got != strips {
			t.Errorf("strip_java: %v gives %v", strips, attrs)
		}
	}
}

// clientCertificate writes a certificate of the run's CA for a client.
func clientCertificate(t testing.TB, name string) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, pki(t).ca, &key.PublicKey, pki(t).caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name+".pem", encode("CERTIFICATE", der)), write(t, name+".key", encode("PRIVATE KEY", keyDER)),
		tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestMutualTLS: with client_ca nobody logs in without a certificate, neither by
// LDAPS, nor by StartTLS, nor by leaving StartTLS out.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca := write(t, "clients.pem", nil)
	authorities := func(from string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ca, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authorities(pki(t).caPEM)
	p := startWith(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true, clients: yamlMap{"client_ca": ca, "client_names": []string{"jamf"}}})
	_, _, jamf := clientCertificate(t, "jamf")
	_, _, other := clientCertificate(t, "other")
	with := func(certificates ...tls.Certificate) *tls.Config {
		c := clientTLS(t)
		c.Certificates = certificates
		return c
	}
	// login is by LDAPS or StartTLS; with TLS 1.3 a client learns only afterwards
	// what became of its certificate.
	login := func(starttls bool, certificates ...tls.Certificate) error {
		url, config := "ldaps://"+p.ldaps, with(certificates...)
		if starttls {
			url = "ldap://" + p.ldap
		}
		c, err := goldap.DialURL(url, goldap.DialWithTLSConfig(config))
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetTimeout(patience)
		if starttls {
			if err := c.StartTLS(config); err != nil {
				return err
			}
		}
		return c.Bind(service, password)
	}
	for name, starttls := range map[string]bool{"LDAPS": false, "StartTLS": true} {
		t.Run(name, func(t *testing.T) {
			if err := login(starttls, jamf); err != nil {
				t.Errorf("with a certificate: %v", err)
			}
			if login(starttls) == nil {
				t.Error("logged in without a certificate")
			}
			if login(starttls, other) == nil {
				t.Error("logged in with a certificate of another name")
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		w := p.in(t).connect()
		if r := w.ask(bindOp(3, service, password)); r.code != goldap.LDAPResultConfidentialityRequired || !strings.Contains(r.text, "listeners.require_tls") {
			t.Errorf("bind: %d %s", r.code, r.text)
		}
		w.bind("", "") // a load balancer's check
	})
	t.Run("ldapwhoami", func(t *testing.T) {
		need(t, "ldapwhoami")
		for name, want := range map[string]bool{"jamf": true, "other": false} {
			certificate, key, _ := clientCertificate(t, name)
			for _, args := range [][]string{{"-H", "ldaps://" + p.ldaps}, {"-ZZ", "-H", "ldap://" + p.ldap}} {
				args = append([]string{"LDAPTLS_CERT=" + certificate, "LDAPTLS_KEY=" + key, findProgram("ldapwhoami")}, args...)
				out, text, code := runTool(t, "env", append(args, "-x", "-D", service, "-w", password, "-o", "nettimeout=15")...)
				if (code == 0) != want || code == 0 && out != "dn:"+service+"\n" {
					t.Errorf("%s %v: exit code %d, output %q %s", name, args[3:], code, out, text)
				}
			}
		}
	})
	p.awaitRecord("why a handshake failed", func(r record) bool { return strings.Contains(r.text("msg"), "listeners.tls.client_ca") })
	if n := p.counted(`bind_failures_total{reason="tls_required"}`); n != "1" {
		t.Errorf("tls_required is %s", n)
	}
	authorities(pki(t).foreignPEM)
	eventually(t, "the other authority counts", func() error {
		if login(false, jamf) == nil {
			return os.ErrExist
		}
		return nil
	})
	p.awaitRecord("the new authority", func(r record) bool { return r.text("msg") == "listener client_ca was reloaded" })
}

// TestGuardsPageClientCertificates: the example that is commented out loads when
// the signs are removed.
func TestGuardsPageClientCertificates(t *testing.T) {
	text := documents(t)["../docs/guards.md"]
	dir := t.TempDir()
	for name, from := range map[string]string{"proxy.pem": pki(t).serverPEM, "proxy.key": pki(t).serverKey, "jamf-ca.pem": pki(t).caPEM} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		if b[1] != "yaml" || !strings.Contains(b[2], "client_ca") {
			continue
		}
		cfg, err := config.Parse(filepath.Join(dir, "proxy.yaml"), []byte(strings.ReplaceAll(b[2], "# ", "")))
		if err != nil {
			t.Fatal(err)
		}
		if l := cfg.Listeners[0]; l.Protocol != "ldaps" || l.TLS.ClientCA != filepath.Join(dir, "jamf-ca.pem") || len(l.TLS.ClientNames) != 1 {
			t.Errorf("%+v", l)
		}
		return
	}
	t.Error("docs/guards.md shows no client_ca")
}
