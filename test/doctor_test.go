package test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/doctor"
)

// visit is one run of doctor: what it is told, as whom it asks. The zero value of
// a field is what is right for the sample organisation.
type visit struct {
	servers   []string
	upstream  yamlMap // further keys of section upstream
	groups    yamlMap // of section groups, in place of the sample's pairs
	listeners []yamlMap
	dn        string
	password  string
	args      []string
	env       []string
}

func (v *visit) config(t testing.TB) string {
	t.Helper()
	up := yamlMap{"servers": v.servers, "base": usersBase}
	for k, value := range v.upstream {
		up[k] = value
	}
	groups := yamlMap{"pairs": samplePairs}
	if v.groups != nil {
		groups = v.groups
	}
	cfg := yamlMap{"upstream": up, "groups": groups}
	if v.listeners == nil {
		v.listeners = []yamlMap{{"address": "127.0.0.1:0"}}
	}
	cfg["listeners"] = v.listeners
	text, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "proxy.yaml", text)
}

func write(t testing.TB, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// run returns what doctor found and its exit code. Nothing that it prints may hold
// the password.
func (v *visit) run(t testing.TB) (*doctor.Report, int) {
	t.Helper()
	if v.dn == "" {
		v.dn = service
	}
	if v.password == "" {
		v.password = password
	}
	args := append([]string{"doctor", "--config", v.config(t), "--dn", v.dn, "--json"}, v.args...)
	cmd := exec.Command(raceBinary(t), args...)
	cmd.Env = append(append(cleanEnv(), "JAMF_LDAP_PROXY_PASSWORD="+v.password), v.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	for _, bad := range []string{v.password, "panic:", "DATA RACE"} {
		if strings.Contains(stdout.String()+stderr.String(), bad) {
			t.Errorf("doctor prints %q:\n%s\n%s", bad, stdout.String(), stderr.String())
		}
	}
	report := &doctor.Report{}
	if err := json.Unmarshal(stdout.Bytes(), report); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout.String(), stderr.String())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("doctor found\n%s\n%s", stdout.String(), stderr.String())
		}
	})
	return report, cmd.ProcessState.ExitCode()
}

// finding returns what a check found; of several, the last.
func finding(t testing.TB, r *doctor.Report, check string) doctor.Finding {
	t.Helper()
	for _, f := range slices.Backward(r.Findings) {
		if f.Check == check {
			return f
		}
	}
	t.Errorf("there is no finding of %s", check)
	return doctor.Finding{}
}

// mistake is a way to set things up wrongly, and the check that has to find it.
type mistake struct {
	name   string
	visit  func(t *testing.T) *visit
	check  string
	status doctor.Status
	saw    string // is in what it saw
	try    string // is in what it says to do
}

// alsoFails has mistakes that another check fails at, and warns of none.
var alsoFails = map[string]string{"pages refused": "pairs"}

func (m *mistake) test(t *testing.T) {
	t.Parallel()
	r, code := m.visit(t).run(t)
	f := finding(t, r, m.check)
	if f.Status != m.status || !strings.Contains(f.Saw, m.saw) {
		t.Errorf("%s: %s, %q; want %s, %q", m.check, f.Status, f.Saw, m.status, m.saw)
	}
	if !strings.Contains(strings.Join(f.Try, "\n"), m.try) {
		t.Errorf("%s does not say to do %q: %q", m.check, m.try, f.Try)
	}
	// A failure has to be the first of all, since what follows from it is skipped,
	// and a warning does not come with failures.
	first, failed := alsoFails[m.name], 1
	switch {
	case first != "":
	case m.status == doctor.Fail:
		first = m.check
	default:
		failed = 0
	}
	if code != failed || (r.Failures > 0) != (failed > 0) || failed > 0 && r.First.Check != first {
		t.Errorf("exit code %d, %d failures; first of all, doctor says %+v", code, r.Failures, r.First)
	}
	for _, f := range r.Findings {
		switch {
		case len(f.Try) == 0 && (f.Status == doctor.Fail || f.Status == doctor.Warn):
			t.Errorf("%s, %s, says nothing to do: %s", f.Check, f.Status, f.Saw)
		case f.Status == doctor.Skip && f.Because == "" && len(f.Try) == 0:
			t.Errorf("%s is skipped without a reason", f.Check)
		}
	}
}

func mistakes() []mistake {
	return slices.Concat(connectionMistakes, certificateMistakes, loginMistakes, userMistakes, groupMistakes, pairMistakes, limitMistakes, proxyMistakes)
}

func TestDoctorFindsMistakes(t *testing.T) {
	need(t, "slapd", "slapadd")
	for _, m := range mistakes() {
		t.Run(m.check+"/"+m.name, m.test)
	}
}

// TestEveryCheckFindsAMistake: there is none without a test that makes it fail, or
// warn.
func TestEveryCheckFindsAMistake(t *testing.T) {
	found := map[string]bool{}
	for _, m := range mistakes() {
		found[m.check] = found[m.check] || m.status != doctor.Skip
	}
	for _, c := range doctor.Checks() {
		if !found[c.ID] {
			t.Errorf("no mistake is known that %s finds", c.ID)
		}
	}
}

// TestDoctorIsContent with what is right, in each mode, over TLS, with a proxy that
// runs: the one thing to say is that CarWash has no Linux group.
func TestDoctorIsContent(t *testing.T) {
	t.Parallel()
	cert, key := issued(t, nil)
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		if up.name == "slapd" {
			up = slapdWith(t, func(s *slapdSet) { s.certificate, s.key = cert, key })
		} else {
			up = embeddedCertified(t, cert, key)
		}
		inEachMode(t, func(t *testing.T, mode view) {
			v := served(settings{
				servers: []string{up.tlsURL()}, ca: pki(t).caPEM, listenerTLS: true, certificate: cert, key: key, mode: mode.mode,
			}, func(t *testing.T, v *visit, p *proxy) {
				v.servers, v.upstream = []string{up.tlsURL()}, yamlMap{"tls": yamlMap{"ca": pki(t).caPEM}}
				v.groups = yamlMap{"mode": mode.mode, "pairs": samplePairs}
			})(t)
			r, code := v.run(t)
			var made []string
			for _, f := range r.Findings {
				if f.Status != doctor.OK && f.Check != "groups-without-linux-group" {
					t.Errorf("%s, %s: %s", f.Check, f.Status, f.Saw)
				}
				made = append(made, f.Check)
			}
			if code != 0 || r.OK != len(r.Findings)-1 || r.First.Check != "groups-without-linux-group" {
				t.Errorf("exit code %d, %d ok of %d, first %s", code, r.OK, len(r.Findings), r.First.Check)
			}
			for _, c := range doctor.Checks() {
				// The server is an address, and speaks LDAPS.
				if !slices.Contains(made, c.ID) && c.ID != "resolve" && c.ID != "starttls" {
					t.Errorf("%s was not looked at", c.ID)
				}
			}
			if f := finding(t, r, "proxy-group"); !strings.Contains(f.Saw, "gameOfThrones, Group ID 7001") || !strings.Contains(f.Saw, "4 members") {
				t.Errorf("proxy-group: %s", f.Saw)
			}
			v.args = append(v.args, "--strict")
			if _, code := v.run(t); code != 1 {
				t.Errorf("--strict ends with %d", code)
			}
		})
	})
}

func embeddedCertified(t testing.TB, cert, key string) *upstream {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	d, err := directory.New(directory.Config{LDIF: strings.NewReader(orgLDIF)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.ListenTLS("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}}); err != nil {
		t.Fatal(err)
	}
	return &upstream{name: "embedded", tlsAddr: d.TLSAddr()}
}

// TestDoctorBindsOnce where the password is wrong, because each try may count
// towards a lock-out; and never over a connection that it does not trust.
func TestDoctorBindsOnce(t *testing.T) {
	t.Parallel()
	need(t, "slapd", "slapadd")
	r := startRelay(t, startedSlapd(t).addr)
	v := visit{servers: []string{r.url(), startedSlapd(t).url()}, password: "hunter2-marker", listeners: []yamlMap{{"address": start(t, startedSlapd(t)).ldap}}}
	v.run(t)
	if n := len(r.seen(opBind)); n != 1 {
		t.Errorf("%d binds", n)
	}
	up := slapdWith(t, func(*slapdSet) {})
	for name, settings := range map[string]yamlMap{up.tlsURL(): nil, up.url(): {"starttls": true}} {
		(&visit{servers: []string{name}, upstream: settings}).run(t)
	}
	if log := up.log(); strings.Contains(log, "BIND") || !strings.Contains(log, "STARTTLS") {
		t.Errorf("log of a server whose certificate nobody knows:\n%s", log)
	}
}
