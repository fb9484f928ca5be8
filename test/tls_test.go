package test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// A group question as an everyday use of a connection.
func usable(t *testing.T, c client) {
	t.Helper()
	q := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))")
	check(t, q, c.ask(t, q), found(groups("gameOfThrones")))
}

func TestListenerTLS(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	p := startWith(t, settings{servers: []string{up.url()}, listenerTLS: true})
	t.Run("StartTLS, go-ldap", func(t *testing.T) {
		c := goDial(t, "ldap://"+p.ldap, nil)
		if err := c.StartTLS(clientTLS(t)); err != nil {
			t.Fatal(err)
		}
		if err := c.Bind(service, password); err != nil {
			t.Fatal(err)
		}
		usable(t, goClient{c})
	})
	t.Run("StartTLS, ldapsearch", func(t *testing.T) {
		need(t, "ldapwhoami")
		out, text, code := runTool(t, "ldapwhoami", "-ZZ", "-x", "-H", "ldap://"+p.ldap, "-D", service, "-w", password)
		if code != 0 || out != "dn:"+service+"\n" {
			t.Errorf("exit code %d, output %q %s", code, out, text)
		}
	})
	t.Run("StartTLS, JNDI", func(t *testing.T) {
		c := openJNDI(t, "ldap://"+p.ldap, "java.naming.security.authentication=none")
		if a := c.do("starttls"); a.Code != 0 {
			t.Fatal(a.Text)
		}
		if a := c.do("rebind", service, password); a.Code != 0 {
			t.Fatal(a.Text)
		}
		usable(t, c)
	})
	t.Run("LDAPS, go-ldap", func(t *testing.T) {
		c := goDial(t, "ldaps://"+p.ldaps, clientTLS(t))
		if err := c.Bind(service, password); err != nil {
			t.Fatal(err)
		}
		usable(t, goClient{c})
	})
	t.Run("LDAPS, ldapwhoami", func(t *testing.T) {
		need(t, "ldapwhoami")
		out, text, code := runTool(t, "ldapwhoami", "-x", "-H", "ldaps://"+p.ldaps, "-D", service, "-w", password)
		if code != 0 || out != "dn:"+service+"\n" {
			t.Errorf("exit code %d, output %q %s", code, out, text)
		}
	})
	t.Run("LDAPS, JNDI", func(t *testing.T) {
		c := openJNDI(t, "ldaps://"+p.ldaps, simpleBind(service, password)...)
		usable(t, c)
		c.close()
	})
	t.Run("StartTLS on a bound session", func(t *testing.T) {
		w := p.session()
		if r := w.ask(tlv(opExtended, tlv(0x80, []byte(oidStartTLS)))); r.code != 0 {
			t.Fatalf("StartTLS: %d %s", r.code, r.text)
		}
		w.secure(clientTLS(t))
		who := w.whoAmI()
		a := w.search(search("(uid=jon.snow)", "uid"))
		if (who == service) != (a.Code == 0) {
			t.Errorf("who am I says %q and a search answers %d", who, a.Code)
		}
	})
	t.Run("StartTLS on LDAPS", func(t *testing.T) {
		w := dialWire(t, p.ldaps)
		w.secure(clientTLS(t))
		if r := w.ask(tlv(opExtended, tlv(0x80, []byte(oidStartTLS)))); r.code == 0 {
			t.Error("StartTLS inside TLS succeeded")
		}
		w.bind(service, password)
	})
	t.Run("plain text on the LDAPS port", func(t *testing.T) {
		w := dialWire(t, p.ldaps)
		w.write(message(1, bindOp(3, service, password)))
		for _, m := range w.rawUntilClosed(patience) {
			if m == opBindResponse {
				t.Error("a bind was answered without TLS")
			}
		}
	})
	t.Run("TLS on the plain port", func(t *testing.T) {
		if _, err := goldap.DialURL("ldaps://"+p.ldap, goldap.DialWithTLSConfig(clientTLS(t))); err == nil {
			t.Error("TLS handshake succeeded on the plain listener")
		}
	})
	t.Run("old TLS", func(t *testing.T) {
		old := clientTLS(t)
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		if _, err := goldap.DialURL("ldaps://"+p.ldaps, goldap.DialWithTLSConfig(old)); err == nil {
			t.Error("TLS 1.1 was accepted")
		}
	})
	usable(t, dialGoLDAP(t, p.ldap, service, password))
}

// A renewed certificate is served without a restart; a broken one is not.
func TestListenerCertificateReload(t *testing.T) {
	t.Parallel()
	keys := pki(t)
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	write := func(pem, private []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(certificate, pem, 0o600), os.WriteFile(key, private, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	renew := func(serial int64) {
		t.Helper()
		pem, private, _, err := keys.issue(serial)
		if err != nil {
			t.Fatal(err)
		}
		write(pem, private)
	}
	renew(100)
	p := startWith(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true, certificate: certificate, key: key})
	serves := func(serial int64) error {
		conn, err := tls.Dial("tcp", p.ldaps, clientTLS(t))
		if err != nil {
			return err
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != serial {
			return fmt.Errorf("certificate %d, want %d", got, serial)
		}
		return nil
	}
	if err := serves(100); err != nil {
		t.Fatal(err)
	}
	open := goDial(t, "ldaps://"+p.ldaps, clientTLS(t))
	renew(101)
	eventually(t, "the renewed certificate is served", func() error { return serves(101) })
	write([]byte("half a file"), nil)
	for range 20 {
		if err := serves(101); err != nil {
			t.Fatalf("with a broken file in place: %v", err)
		}
	}
	renew(102)
	eventually(t, "the next certificate is served", func() error { return serves(102) })
	if err := open.Bind(service, password); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

func TestStartTLSWithoutCertificate(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t)).connect()
	if r := w.ask(tlv(opExtended, tlv(0x80, []byte(oidStartTLS)))); r.code == 0 {
		t.Error("StartTLS succeeded on a listener without a certificate")
	}
	w.bind(service, password)
}

func TestUpstreamTLS(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		keys := pki(t)
		for _, c := range []struct {
			what string
			settings
			code int // of a bind
		}{
			{"StartTLS", settings{servers: []string{up.url()}, startTLS: true, ca: keys.caPEM}, 0},
			{"LDAPS", settings{servers: []string{up.tlsURL()}, ca: keys.caPEM}, 0},
			{"LDAPS under another name", settings{servers: []string{up.tlsURL()}, ca: keys.caPEM, serverName: serverHost}, 0},
			{"StartTLS, foreign CA", settings{servers: []string{up.url()}, startTLS: true, ca: keys.foreignPEM, upstreamIsOff: true}, goldap.LDAPResultUnavailable},
			{"LDAPS, foreign CA", settings{servers: []string{up.tlsURL()}, ca: keys.foreignPEM, upstreamIsOff: true}, goldap.LDAPResultUnavailable},
			{"LDAPS, wrong name", settings{servers: []string{up.tlsURL()}, ca: keys.caPEM, serverName: "else.example.test", upstreamIsOff: true}, goldap.LDAPResultUnavailable},
			{"LDAPS to a plain port", settings{servers: []string{"ldaps://" + up.addr}, ca: keys.caPEM, upstreamIsOff: true}, goldap.LDAPResultUnavailable},
			{"plain to an LDAPS port", settings{servers: []string{"ldap://" + up.tlsAddr}, upstreamIsOff: true}, goldap.LDAPResultUnavailable},
		} {
			t.Run(c.what, func(t *testing.T) {
				t.Parallel()
				if c.code != 0 {
					c.upstream = yamlMap{"connect_timeout": "3s", "bind_timeout": "3s"}
				}
				p := startWith(t, c.settings)
				w := p.connect()
				r := w.ask(bindOp(3, service, password))
				if r.code != c.code {
					t.Fatalf("bind: %d %s, want %d", r.code, r.text, c.code)
				}
				if c.code == 0 {
					usable(t, wireClient{w})
					return
				}
				// Why upstream is unavailable is in the log, for the administrator.
				p.awaitLookup("the failed bind", func(r record) bool {
					return r.text("op") == "bind" && r["result"] == float64(c.code)
				})
				if strings.Contains(c.what, "CA") && !strings.Contains(p.log(), "certificate") {
					t.Error("the log does not speak of the certificate")
				}
			})
		}
	})
}
