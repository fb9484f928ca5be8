package test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

// Markers stand for passwords; nothing else in the proxy looks like them.
const (
	rightMarker = "Right-Marker.of.these.tests-4711"
	wrongMarker = "Wrong-Marker.of.these.tests-0815"
)

// markedDirectory is the embedded one, where everybody's password is rightMarker.
func markedDirectory(t testing.TB) *upstream {
	t.Helper()
	text := regexp.MustCompile("(?m)^userPassword: .*").ReplaceAllString(orgLDIF, "userPassword: "+rightMarker)
	up, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(text)})
	return up
}

// showsMarker returns what of a text tells a password: the whole or a piece that
// a cut or an escape has left.
func showsMarker(text string) string {
	for _, marker := range []string{rightMarker, wrongMarker} {
		for _, piece := range []string{marker[:12], marker[10:]} {
			if strings.Contains(text, piece) {
				return piece
			}
		}
	}
	return ""
}

// misplaced are requests that carry a password where it does not belong, or
// that are broken around it.
func misplaced(t *testing.T) map[string][]byte {
	t.Helper()
	whole := message(9, bindOp(3, service, wrongMarker))
	badLength := slices.Clone(whole)
	badLength[1]-- // the last octet is outside
	sasl := tlv(opBind, integer(3), octets(""), tlv(0xa3, octets("PLAIN"), octets("\x00jamf\x00"+wrongMarker)))
	value := tlv(0x30, tlv(0x80, []byte(endUser)), tlv(0x81, []byte(wrongMarker)), tlv(0x82, []byte(rightMarker)))
	change := tlv(opModify, octets(endUser), tlv(0x30, tlv(0x30, enumerated(2), tlv(0x30, octets("userPassword"), tlv(0x31, octets(wrongMarker))))))
	add := tlv(opAdd, octets(userDN("new")), tlv(0x30, tlv(0x30, octets("userPassword"), tlv(0x31, octets(wrongMarker)))))
	return map[string][]byte{
		"broken length":               badLength,
		"broken in the middle":        append(whole[:len(whole)-8:len(whole)-8], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"octets behind":               message(9, append(bindOp(3, service, wrongMarker), octets(wrongMarker)...)),
		"password under another tag":  message(9, tlv(opBind, integer(3), octets(service), tlv(0x87, []byte(wrongMarker)))),
		"LDAPv2":                      message(9, bindOp(2, service, wrongMarker)),
		"SASL":                        message(9, sasl),
		"mechanism":                   message(9, tlv(opBind, integer(3), octets(""), tlv(0xa3, octets(""), octets(wrongMarker)))),
		"no LDAP":                     []byte("GET /?password=" + wrongMarker + " HTTP/1.1\r\n\r\n"),
		"password without a DN":       message(9, bindOp(3, "", wrongMarker)),
		"filter":                      message(9, search("(userPassword="+wrongMarker+")").wire(t)),
		"filter with options":         message(9, search("(userPassword;x-old="+wrongMarker+")").wire(t)),
		"filter by OID":               message(9, search("(2.5.4.35="+wrongMarker+")").wire(t)),
		"substrings":                  message(9, search("(userPassword=*"+wrongMarker+"*)").wire(t)),
		"extensible":                  message(9, search("(userPassword:2.5.13.17:="+wrongMarker+")").wire(t)),
		"filter in a bridged request": message(9, search("(&(objectClass=groupOfNames)(!(userPassword>="+wrongMarker+")))").wire(t)),
		"compare":                     message(9, compareOp(endUser, "userPassword", wrongMarker)),
		"compare as JNDI":             message(9, read(endUser, "(userPassword="+wrongMarker+")", "1.1").wire(t)),
		"password change":             message(9, tlv(opExtended, tlv(0x80, []byte("1.3.6.1.4.1.4203.1.11.1")), tlv(0x81, value))),
		"modify":                      message(9, change),
		"add":                         message(9, add),
		"control":                     message(9, whoAmIOp(), control("1.2.3.4", false, []byte(wrongMarker))),
		"critical control":            message(9, search("(uid=x)").wire(t), control("1.2.3.4", true, []byte(wrongMarker))),
		"bind with a control":         message(9, bindOp(3, service, wrongMarker), control("1.2.3.4", true, []byte(wrongMarker))),
	}
}

// No password comes out anywhere, with every message logged as text, however it
// was sent: rightly, wrongly, misplaced, or to a directory that fails. What
// cannot be helped is a password in the place of a name: names are shown.
func TestSecretsComeOutNowhere(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "console", "slapd"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			journal := filepath.Join(t.TempDir(), "lookups.db")
			relay := startRelay(t, markedDirectory(t).addr)
			p, log := startLogging(t, format, settings{servers: []string{relay.url()}, journal: journal})
			stream := p.watch(t)
			answers := p.sendMarkers(t, relay)
			p.awaitJournal(t)
			shown := everythingShown(t, p, journal)
			shown["log"], shown["stream"], shown["answers"] = log.String(), stream.String(), answers
			for _, args := range [][]string{{"lookups", "--json", "-n", "2000"}, {"lookups", "--csv", "-n", "2000"}} {
				shown[strings.Join(args, " ")] = p.runWith(t, wrongMarker, args...)
			}
			for _, where := range []string{"log", "stream", "lookups --csv -n 2000"} {
				if !strings.Contains(shown[where], "jon.snow") {
					t.Errorf("%s does not have these lookups:\n%s", where, tail(shown[where], 20))
				}
			}
			for where, text := range shown {
				if piece := showsMarker(text); piece != "" {
					i := strings.Index(text, piece)
					t.Errorf("%s shows a password: …%s…", where, text[max(0, i-200):min(len(text), i+60)])
				}
			}
		})
	}
}

// startLogging starts a proxy whose log may have any format, which the harness
// cannot read.
func startLogging(t *testing.T, format string, s settings) (*proxy, *transcript) {
	t.Helper()
	ldap, web, err := freeAddresses()
	if err != nil {
		t.Fatal(err)
	}
	s.listener, s.web = yamlMap{"address": ldap}, yamlMap{"address": web}
	text := strings.Replace(string(s.yaml(t)), "format: json", "format: "+format, 1)
	log := &transcript{}
	p := &proxy{t: t, config: write(t, "proxy.yaml", []byte(text)), ldap: ldap, web: web}
	p.cmd = exec.Command(raceBinary(t), "serve", "--config", p.config)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = cleanEnv(), log, log
	dieWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the proxy ended with %v\n%s", err, tail(log.String(), 40))
		}
	})
	p.awaitReady()
	return p, log
}

// watch reads the page's live stream until the test ends.
func (p *proxy) watch(t *testing.T) *transcript {
	t.Helper()
	response, err := http.Get("http://" + p.web + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	stream, done := &transcript{}, make(chan struct{})
	go func() { defer close(done); io.Copy(stream, response.Body) }()
	t.Cleanup(func() { response.Body.Close(); <-done })
	return stream
}

// sendMarkers sends passwords in all the ways of these tests, and returns all
// that was answered.
func (p *proxy) sendMarkers(t *testing.T, relay *relay) string {
	t.Helper()
	var answers strings.Builder
	w := p.connect()
	w.bind(service, rightMarker)
	w.search(search("(uid=jon.snow)"))
	answers.WriteString(w.ask(bindOp(3, userDN("arya.stark"), wrongMarker)).text)
	for what, raw := range misplaced(t) {
		for _, bound := range []bool{false, true} {
			w := p.connect()
			if bound {
				w.bind(endUser, rightMarker)
			}
			w.write(raw)
			w.conn.(*net.TCPConn).CloseWrite()
			answers.WriteString(what + ": " + string(w.rawUntilClosed(patience)) + "\n")
		}
	}
	relay.onRequest(func(c *relayConn, m packet) bool { // a directory that breaks off
		if m.op.tag == opBind {
			c.close()
		}
		return m.op.tag != opBind
	})
	r := p.connect().ask(bindOp(3, userDN("arya.stark"), rightMarker))
	if r.code != goldap.LDAPResultUnavailable {
		t.Errorf("the directory broke off, the answer is %d", r.code)
	}
	answers.WriteString(r.text)
	relay.onRequest(nil)

	form := url.Values{"dn": {service}, "question": {"user"}, "user": {"jon.snow"}, "password": {rightMarker},
		"user_classes": {"inetOrgPerson"}, "group_classes": {"groupOfNames"}, "group_id": {"gidNumber"}, "group_name": {"cn"}, "member": {"member"}}
	answers.WriteString(p.tried(t, form))
	form.Set("password", wrongMarker)
	answers.WriteString(p.tried(t, form))
	form.Set("question", "nonsense")
	answers.WriteString(p.tried(t, form))
	for _, body := range []string{
		`{"dn": "x", "password": ["` + wrongMarker + `"]}`, `{"password": "` + wrongMarker + `", "user": 1}`, `{"password": "` + wrongMarker,
		`{"passwort": "` + wrongMarker + `"}`, `"` + wrongMarker + `"`, `password=` + wrongMarker,
	} {
		response, err := http.Post("http://"+p.web+"/api/try", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		answers.Write(text)
	}
	return answers.String()
}

// runWith runs the program with a password in the environment, and returns what
// it prints, whatever its end.
func (p *proxy) runWith(t *testing.T, secret string, args ...string) string {
	t.Helper()
	cmd := exec.Command(raceBinary(t), append(args, "--config", p.config)...)
	cmd.Env = append(cleanEnv(), "JAMF_LDAP_PROXY_PASSWORD="+secret, "JAMF_LDAP_PROXY_USER_PASSWORD="+secret)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// Commands that are given a wrong password say so without it.
func TestCommandsTellNoPassword(t *testing.T) {
	t.Parallel()
	journal := filepath.Join(t.TempDir(), "lookups.db")
	p := startWith(t, settings{servers: []string{markedDirectory(t).url()}, journal: journal, limits: yamlMap{"failed_binds": 100}})
	w := p.connect()
	w.bind(service, rightMarker)
	w.search(search("(uid=jon.snow)"))
	p.awaitJournal(t)
	url := "ldap://" + p.ldap
	for _, args := range [][]string{
		{"doctor", "--dn", service}, {"doctor", "--json", "--dn", service}, {"pairs", "--dn", service},
		{"simulate", "user", "jon.snow", "--dn", service, "--proxy", url}, {"simulate", "--json", "login", "jon.snow", "--dn", service, "--proxy", url},
		{"replay", "--dn", service, "--a", url, "--b", url},
		{"explain", "--", "(userPassword=" + wrongMarker + ")"},
	} {
		out := p.runWith(t, wrongMarker, args...)
		if args[0] == "explain" {
			out = strings.ReplaceAll(out, "userPassword="+wrongMarker, "") // who types it sees it
		} else if !strings.Contains(out, "password") && !strings.Contains(out, "invalidCredentials") {
			t.Errorf("%v does not say that the password is wrong:\n%s", args, out)
		}
		if piece := showsMarker(out); piece != "" {
			t.Errorf("%v shows the password:\n%s", args, out)
		}
	}
}

// crashed is a proxy that is killed while a bind waits for the directory, so that
// the password is in use, and what it leaves behind.
type crashed struct {
	output string
	core   []byte // nil: none
}

func crash(t *testing.T, traceback string, signal syscall.Signal, args ...string) crashed {
	t.Helper()
	relay := startRelay(t, markedDirectory(t).addr)
	dir := t.TempDir()
	config := write(t, "proxy.yaml", settings{servers: []string{relay.url()}}.yaml(t))
	script := `ulimit -c unlimited 2>/dev/null; GOTRACEBACK=$1; export GOTRACEBACK; shift; exec "$@"`
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", traceback, plainBinary(t), "serve", "--config", config}, args...)...)
	cmd.Dir = dir
	p := launch(t, cmd, config)
	p.stopped = true // it does not end as others do
	p.awaitAddresses(false)
	p.awaitReady()
	gate := relay.holdRequests(opBind)
	w := p.connect()
	w.write(message(1, bindOp(3, service, rightMarker)))
	gate.await()
	p.signal(signal)
	select {
	case <-p.exited:
	case <-time.After(2 * patience):
		p.cmd.Process.Kill()
		t.Fatalf("the proxy did not end of %v", signal)
	}
	gate.open()
	c := crashed{output: p.log()}
	files, _ := filepath.Glob(filepath.Join(dir, "core*"))
	for _, file := range files {
		c.core, _ = os.ReadFile(file)
	}
	return c
}

// A crash prints stacks with arguments as addresses, not with what they point to.
func TestCrashesTellNoPassword(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		c := crash(t, "system", signal)
		if !strings.Contains(c.output, "goroutine ") || !strings.Contains(c.output, "bindUpstream") {
			t.Errorf("%v: there is no stack of the bind in\n%s", signal, tail(c.output, 40))
		}
		if piece := showsMarker(c.output); piece != "" {
			t.Errorf("%v: the stacks show a password", signal)
		}
	}
}
