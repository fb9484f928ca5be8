package test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// ourProgram runs the program and expects its exit code.
func ourProgram(t *testing.T, dir string, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(plainBinary(t), args...)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%q: %v, want exit code %d\n%s%s", args, err, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// certified is a proxy with certificates of cert create.
type certified struct {
	*proxy
	dir string
}

func (c certified) file(name string) string { return filepath.Join(c.dir, name) }

func startCertified(t *testing.T, args ...string) certified {
	t.Helper()
	dir := t.TempDir()
	ourProgram(t, dir, 0, append([]string{"cert", "create", "--host", "localhost", "--ip", "127.0.0.1"}, args...)...)
	return certified{startWith(t, settings{
		servers: []string{embedded(t).url()}, listenerTLS: true,
		certificate: filepath.Join(dir, "proxy.pem"), key: filepath.Join(dir, "proxy.key"),
	}), dir}
}

// trusting is a client that trusts the folder's authority and nothing else.
func (c certified) trusting(name string) *tls.Config {
	c.t.Helper()
	text, err := os.ReadFile(c.file("ca.pem"))
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		c.t.Fatal("ca.pem holds no certificate")
	}
	return &tls.Config{RootCAs: roots, ServerName: name}
}

// port is address under another name of this machine.
func port(address string) string { return address[strings.LastIndexByte(address, ':'):] }

// TestCertCreate: every client takes the certificates, for the name and for the
// address, and takes the renewed ones without being told.
func TestCertCreate(t *testing.T) {
	t.Parallel()
	for _, kind := range [][]string{nil, {"--rsa"}} {
		t.Run("create "+strings.Join(kind, ""), func(t *testing.T) {
			t.Parallel()
			p := startCertified(t, kind...)
			clients := map[string]func(*testing.T){
				"go-ldap": p.usableByGo, "OpenLDAP": p.usableByOpenLDAP, "openssl": p.verifiedByOpenSSL, "JNDI": p.usableByJava,
			}
			for name, usable := range clients {
				t.Run(name, usable)
			}
			served := func() (string, error) {
				conn, err := tls.Dial("tcp", p.ldaps, p.trusting("localhost"))
				if err != nil {
					return "", err
				}
				defer conn.Close()
				return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
			}
			first, err := served()
			if err != nil {
				t.Fatal(err)
			}
			open := goDial(t, "ldaps://"+p.ldaps, p.trusting("127.0.0.1"))
			ourProgram(t, p.dir, 0, "cert", "create", "--force")
			eventually(t, "the renewed certificate is served", func() error {
				if now, err := served(); err != nil || now == first {
					return fmt.Errorf("%v, serial number %s", err, now)
				}
				return nil
			})
			if err := open.Bind(service, password); err != nil {
				t.Errorf("a connection from before: %v", err)
			}
			for name, usable := range clients {
				t.Run(name+" renewed", usable)
			}
			if _, err := goldap.DialURL("ldaps://"+p.ldaps, goldap.DialWithTLSConfig(clientTLS(t))); err == nil {
				t.Error("somebody who trusts another authority accepts it")
			}
		})
	}
}

func (c certified) usableByGo(t *testing.T) {
	for _, name := range []string{"localhost", "127.0.0.1"} {
		secure := goDial(t, "ldaps://"+c.ldaps, c.trusting(name))
		switched := goDial(t, "ldap://"+c.ldap, nil)
		if err := switched.StartTLS(c.trusting(name)); err != nil {
			t.Fatalf("StartTLS as %s: %v", name, err)
		}
		for _, conn := range []*goldap.Conn{secure, switched} {
			if err := conn.Bind(service, password); err != nil {
				t.Fatal(err)
			}
			usable(t, goClient{conn})
		}
	}
}

func (c certified) usableByOpenLDAP(t *testing.T) {
	need(t, "ldapsearch")
	// By address: OpenLDAP puts the machine's own name in the place of localhost.
	for _, args := range [][]string{{"-H", "ldaps://" + c.ldaps}, {"-ZZ", "-H", "ldap://" + c.ldap}} {
		cmd := exec.Command(findProgram("ldapsearch"), append(args, "-x", "-LLL", "-D", service, "-w", password, "-b", usersBase, "(uid=jon.snow)", "uid")...)
		cmd.Env = append(os.Environ(), "LDAPCONF=/dev/null", "LDAPTLS_REQCERT=demand", "LDAPTLS_CACERT="+c.file("ca.pem"))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "uid: jon.snow") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}

func (c certified) usableByJava(t *testing.T) {
	java := c.javaTrusting(t)
	for i, url := range []string{"ldaps://localhost" + port(c.ldaps), "ldaps://" + c.ldaps} {
		j := jndiClient{java, fmt.Sprint("certified", i)}
		if a := j.open(url, simpleBind(service, password)...); a.Code != 0 {
			t.Fatalf("%s: %s", url, a.Text)
		}
		usable(t, j)
		j.close()
	}
}

// javaTrusting is a Java machine that trusts the folder's authority and nothing
// else. Like the shared one, whose classes it uses, it ends with its input.
func (c certified) javaTrusting(t *testing.T) *javaMachine {
	t.Helper()
	startedJava(t)
	cmd := exec.Command(findProgram("java"), "-Xmx128m", "-XX:+UseSerialGC", "-cp", filepath.Join(workDir, "classes"), "JndiClient", c.file("ca.pem"))
	dieWithUs(cmd)
	vm := &javaMachine{waiting: map[int]chan answer{}}
	cmd.Stderr = &vm.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if vm.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); vm.read(out) }()
	t.Cleanup(func() {
		vm.in.Close()
		<-read
		cmd.Wait()
	})
	return vm
}

func (c certified) verifiedByOpenSSL(t *testing.T) {
	need(t, "openssl")
	for _, as := range [][]string{{"-verify_hostname", "localhost"}, {"-verify_ip", "127.0.0.1"}} {
		args := append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", c.file("ca.pem")}, as...)
		if out, err := exec.Command(findProgram("openssl"), append(args, c.file("proxy.pem"))...).CombinedOutput(); err != nil {
			t.Errorf("openssl %q: %v\n%s", args, err, out)
		}
	}
}

// certificatesOf are the certificates of a PEM text.
func certificatesOf(t *testing.T, text string) (list []*x509.Certificate) {
	t.Helper()
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return list
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
}

// TestCertFetch asks real listeners, and uses what came.
func TestCertFetch(t *testing.T) {
	t.Parallel()
	p := startCertified(t)
	dir := t.TempDir()
	created, err := os.ReadFile(p.file("proxy.pem"))
	if err != nil {
		t.Fatal(err)
	}
	sent := certificatesOf(t, string(created))

	t.Run("LDAPS and StartTLS", func(t *testing.T) {
		for _, server := range []string{p.ldaps, "ldaps://localhost" + port(p.ldaps), "ldap://" + p.ldap} {
			out, notes := ourProgram(t, dir, 0, "cert", "fetch", server, "--ca", p.file("ca.pem"))
			if !slices.EqualFunc(certificatesOf(t, out), sent, (*x509.Certificate).Equal) || !strings.HasPrefix(notes, "Trusted by ") {
				t.Errorf("%s:\n%s%s", server, out, notes)
			}
		}
	})
	t.Run("the file is one that others read", func(t *testing.T) {
		out, _ := ourProgram(t, dir, 0, "cert", "fetch", p.ldaps, "--out", "chain.pem")
		if !strings.Contains(out, "unknown authority: ") || !strings.Contains(out, "upstream.tls.ca") {
			t.Errorf("says nothing of upstream.tls.ca:\n%s", out)
		}
		chain := filepath.Join(dir, "chain.pem")
		second := startWith(t, settings{servers: []string{"ldaps://" + p.ldaps}, ca: chain})
		usable(t, dialGoLDAP(t, second.ldap, service, password))
		ourProgram(t, dir, 0, "cert", "fetch", "--config", second.config)
		need(t, "openssl", "keytool")
		if out, err := exec.Command(findProgram("openssl"), "verify", "-CAfile", chain, p.file("proxy.pem")).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		read, err := exec.Command(findProgram("keytool"), "-printcert", "-file", chain).CombinedOutput()
		if err != nil || strings.Count(string(read), "SHA256: ") != len(sent) {
			t.Errorf("Java reads something else: %v\n%s", err, read)
		}
	})
	t.Run("the roots of the machine, and one that is not sent", func(t *testing.T) {
		keys := pki(t)
		other := startWith(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true})
		cmd := exec.Command(plainBinary(t), "cert", "fetch", other.ldaps, "--json")
		cmd.Env = append(cleanEnv(), "SSL_CERT_FILE="+keys.caPEM, "SSL_CERT_DIR=/nowhere")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Servers []struct {
				Trusted       bool   `json:"trusted"`
				MissingIssuer string `json:"missing_issuer"`
				Certificates  []struct {
					Subject string `json:"subject"`
					Sent    bool   `json:"sent"`
					PEM     string `json:"pem"`
				} `json:"certificates"`
			} `json:"servers"`
		}
		if err := json.Unmarshal(out, &doc); err != nil {
			t.Fatal(err)
		}
		s := doc.Servers[0]
		if !s.Trusted || s.MissingIssuer != "CN=jamf-ldap-proxy test CA" || len(s.Certificates) != 2 || s.Certificates[1].Sent ||
			!certificatesOf(t, s.Certificates[1].PEM)[0].Equal(keys.ca) {
			t.Errorf("%s", out)
		}
	})
	t.Run("nobody who speaks TLS", func(t *testing.T) {
		bare := start(t, embedded(t))
		for server, try := range map[string]string{
			"ldaps://" + p.ldap:   "Try: ldap://" + p.ldap,
			"ldap://" + p.ldaps:   "Try: ldaps://" + p.ldaps,
			"ldaps://" + bare.web: "a web server answers there",
			"ldap://" + bare.ldap: "the server refuses",
		} {
			out, text := ourProgram(t, dir, 1, "cert", "fetch", server)
			if out != "" || !strings.Contains(text, try) {
				t.Errorf("%s:\n%s%s", server, out, text)
			}
		}
	})
}

// typed is a console block that begins with a command; so may further lines.
var typed = regexp.MustCompile("(?s)```console\n(\\$ .*?)```")

// TestCertDocument runs the commands of docs/certificates.md in their order, and
// holds the output that it shows against the real one.
func TestCertDocument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(plainBinary(t), filepath.Join(dir, "jamf-ldap-proxy")); err != nil {
		t.Fatal(err)
	}
	var p *proxy
	ran := 0
	for _, block := range typed.FindAllStringSubmatch(documents(t)["../docs/certificates.md"], -1) {
		var real strings.Builder
		for line := range strings.Lines(block[1]) {
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			if strings.Contains(command, "cert fetch") && p == nil {
				p = startWith(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true,
					certificate: filepath.Join(dir, "certs", "proxy.pem"), key: filepath.Join(dir, "certs", "proxy.key")})
			}
			if p != nil {
				command = strings.ReplaceAll(command, ":1636", port(p.ldaps))
			}
			cmd := exec.Command("sh", "-c", command)
			cmd.Dir, cmd.Env = dir, append(cleanEnv(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			text := string(out)
			if p != nil {
				text = strings.ReplaceAll(text, port(p.ldaps), ":1636")
			}
			real.WriteString(line + strings.ReplaceAll(text, dir, "/etc/jamf-ldap-proxy"))
			ran++
		}
		if got, want := sameEachTime(real.String()), sameEachTime(block[1]); got != want {
			t.Errorf("docs/certificates.md shows\n%s\nreal is\n%s", want, got)
		}
	}
	if ran < 4 {
		t.Errorf("%d commands ran", ran)
	}
}

// sameEachTime puts one value in the place of what differs from run to run.
func sameEachTime(text string) string {
	for pattern, constant := range map[string]string{
		`\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?`:   "DATE",
		`CA [A-Z2-7]{6}\b`:                   "CA NAME",
		`\b[0-9A-F]{2}(:[0-9A-F]{2}){31}\b`:  "SHA-256",
		`\b(3652|3651|3653|396) days left\b`: "DAYS left",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, constant)
	}
	return text
}
