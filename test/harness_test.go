package test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// settings are what a test changes in the configuration of the proxy. The
// zero value is one plain listener, posix mode and the pairs of the sample
// organisation.
type settings struct {
	servers       []string // upstream URLs
	startTLS      bool     // to upstream
	ca            string   // of upstream
	serverName    string
	mode          string // posix when empty
	noPairs       bool
	pairs         []yamlMap // instead of the sample's
	discover      bool      // with upstream.service_account, see withAccount
	suffixes      []string
	stableUUID    bool
	legacyClass   string
	listenerTLS   bool   // StartTLS on the plain listener, and an LDAPS listener
	certificate   string // of the listeners, with key; the run's when empty
	key           string
	limits        map[string]any // section limits
	cache         map[string]any // section cache
	upstream      map[string]any // further keys of section upstream
	plain         bool           // without the race detector even when the tests run with it
	upstreamIsOff bool           // do not wait for /readyz
	logLevel      string         // debug when empty
	privacyKey    string         // file: log.privacy is hash, with this key
	journal       string         // file, if there is to be one
	web           map[string]any // further keys of section web
	listener      map[string]any // further keys of the plain listener, its address too
	secure        map[string]any // the same of the LDAPS listener
	clients       map[string]any // further keys of tls of both
	guards        map[string]any // section guards
	binary        string         // instead of the program under test
	args          []string       // further ones of serve
}

type yamlMap = map[string]any

// samplePairs are those of the sample organisation; CarWash has no Linux group.
var samplePairs = []yamlMap{
	{"legacy": "gameOfThrones", "posix": "got", "gid": 7001},
	{"legacy": "breakingBad", "posix": "bb", "gid": 7002},
	{"legacy": "Heisenberg Crew", "posix": "crew", "gid": 7003},
	{"legacy": "Los Pollos Hermanos", "posix": "lospolloshermanos", "gid": 7004},
	{"legacy": "Night's Watch (Wall)", "posix": "nightswatch", "gid": 7005},
	{"legacy": "Everyone", "posix": "everyone_lx", "gid": 7006},
}

func (s settings) yaml(t testing.TB) []byte {
	t.Helper()
	listeners := []yamlMap{{"address": "127.0.0.1:0", "protocol": "ldap"}}
	if s.listenerTLS {
		files := yamlMap{"certificate": pki(t).serverPEM, "key": pki(t).serverKey}
		if s.certificate != "" {
			files = yamlMap{"certificate": s.certificate, "key": s.key}
		}
		maps.Copy(files, s.clients)
		listeners[0]["tls"] = files
		listeners = append(listeners, yamlMap{"address": "127.0.0.1:0", "protocol": "ldaps", "tls": files})
	}
	maps.Copy(listeners[0], s.listener)
	maps.Copy(listeners[len(listeners)-1], s.secure)
	upstream := yamlMap{"servers": s.servers, "base": usersBase}
	if s.startTLS {
		upstream["starttls"] = true
	}
	if s.ca != "" || s.serverName != "" {
		upstream["tls"] = yamlMap{"ca": s.ca, "server_name": s.serverName}
	}
	for k, v := range s.upstream {
		upstream[k] = v
	}
	groups := yamlMap{"mode": "posix"}
	if s.mode != "" {
		groups["mode"] = s.mode
	}
	switch {
	case s.pairs != nil:
		groups["pairs"] = s.pairs
	case !s.noPairs:
		groups["pairs"] = samplePairs
	}
	if s.discover {
		groups["discover"] = yamlMap{"enabled": true}
	}
	if s.legacyClass != "" {
		groups["legacy_class"] = s.legacyClass
	}
	if len(s.suffixes) > 0 {
		groups["strip_suffixes"] = s.suffixes
	}
	if s.stableUUID {
		groups["stable_uuid"] = true
	}
	level := "debug"
	if s.logLevel != "" {
		level = s.logLevel
	}
	limits := yamlMap{"drain": "5s"}
	for k, v := range s.limits {
		limits[k] = v
	}
	if s.cache == nil {
		s.cache = yamlMap{"ttl": "0s"}
	}
	web := yamlMap{"address": "127.0.0.1:0"}
	for k, v := range s.web {
		web[k] = v
	}
	log := yamlMap{"format": "json", "level": level}
	if s.privacyKey != "" {
		log["privacy"], log["privacy_key_file"] = "hash", s.privacyKey
	}
	text, err := yaml.Marshal(yamlMap{
		"listeners": listeners,
		"upstream":  upstream,
		"groups":    groups,
		"cache":     s.cache,
		"web":       web,
		"journal":   yamlMap{"path": s.journal},
		"log":       log,
		"guards":    s.guards,
		"limits":    limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// proxy is a running jamf-ldap-proxy.
type proxy struct {
	t      testing.TB
	cmd    *exec.Cmd
	config string // file
	ldap   string // address of the plain listener
	ldaps  string // of the LDAPS listener, if any
	web    string

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every line
	lines   []string
	records []record      // the lines that are JSON
	exited  chan struct{} // closed when the process has ended
	err     error         // of the process; read after exited
	stopped bool
}

// record is one line of the proxy's log.
type record map[string]any

func (r record) text(key string) string {
	s, _ := r[key].(string)
	return s
}

// start runs the proxy in front of an upstream, in the default settings.
func start(t testing.TB, up *upstream) *proxy {
	t.Helper()
	return startWith(t, settings{servers: []string{up.url()}})
}

// startWith runs the proxy and waits until it is ready. When the test ends the
// proxy is ended too, and has to do so properly; see stop.
func startWith(t testing.TB, s settings) *proxy {
	t.Helper()
	path := raceBinary(t)
	if s.plain {
		path = plainBinary(t)
	}
	if s.binary != "" {
		path = s.binary
	}
	config := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(config, s.yaml(t), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, exec.Command(path, append([]string{"serve", "--config", config}, s.args...)...), config)
	p.awaitAddresses(s.listenerTLS)
	if !s.upstreamIsOff {
		p.awaitReady()
	}
	return p
}

// launch runs a command that is a proxy with that configuration, and ends it with
// the test.
func launch(t testing.TB, cmd *exec.Cmd, config string) *proxy {
	t.Helper()
	p := &proxy{t: t, cmd: cmd, config: config, changed: make(chan struct{}), exited: make(chan struct{})}
	p.cmd.Env = cleanEnv()
	dieWithUs(p.cmd)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting the proxy: %v", err)
	}
	var read sync.WaitGroup
	read.Add(2)
	go func() { defer read.Done(); p.collect(stdout) }()
	go func() { defer read.Done(); p.collect(stderr) }()
	go func() {
		read.Wait()
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text, _ := os.ReadFile(config)
			t.Logf("configuration:\n%s\nlog of the proxy:\n%s", text, tail(p.log(), 25))
		}
	})
	return p
}

// cleanEnv is this process's environment without the variables that configure
// the proxy. A proxy with the race detector would sleep for a second at its
// end, which is half the time of this suite; it has waited for all its
// goroutines by then.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "JAMF_LDAP_PROXY_") })
	return append(env, "GORACE=atexit_sleep_ms=20 "+os.Getenv("GORACE"))
}

func (p *proxy) collect(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			p.records = append(p.records, r)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *proxy) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// awaitRecord returns the first log record that matches, waiting for it.
func (p *proxy) awaitRecord(what string, match func(record) bool) record {
	p.t.Helper()
	deadline := time.After(patience)
	for seen := 0; ; {
		p.mu.Lock()
		fresh, changed := p.records[seen:], p.changed
		seen = len(p.records)
		p.mu.Unlock()
		for _, r := range fresh {
			if match(r) {
				return r
			}
		}
		select {
		case <-changed:
		case <-p.exited:
			p.t.Fatalf("the proxy ended (%v) before it logged %s\n%s", p.err, what, tail(p.log(), 40))
		case <-deadline:
			p.t.Fatalf("the proxy did not log %s within %v\n%s", what, patience, tail(p.log(), 40))
		}
	}
}

// awaitLookup returns the record of one lookup.
func (p *proxy) awaitLookup(what string, match func(record) bool) record {
	p.t.Helper()
	return p.awaitRecord("a lookup: "+what, func(r record) bool { return r.text("msg") == "lookup" && match(r) })
}

func (p *proxy) awaitAddresses(ldaps bool) {
	p.t.Helper()
	listening := func(protocol string) string {
		return p.awaitRecord("the address of its "+protocol+" listener", func(r record) bool {
			return r.text("msg") == "listening" && r.text("protocol") == protocol
		}).text("address")
	}
	p.ldap = listening("ldap")
	if ldaps {
		p.ldaps = listening("ldaps")
	}
	p.web = p.awaitRecord("the address of its web listener", func(r record) bool {
		return r.text("msg") == "web listening"
	}).text("address")
}

func (p *proxy) awaitReady() {
	p.t.Helper()
	eventually(p.t, "GET /readyz answers 200", func() error {
		response, err := http.Get("http://" + p.web + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", response.Status, body)
		}
		return nil
	})
}

// get reads a page of the proxy's web listener.
func (p *proxy) get(path string) string {
	p.t.Helper()
	response, err := http.Get("http://" + p.web + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("GET %s: %s %v\n%s", path, response.Status, err, body)
	}
	return string(body)
}

func (p *proxy) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signalling the proxy: %v", err)
	}
}

// alive fails the test when the process has ended.
func (p *proxy) alive() {
	p.t.Helper()
	select {
	case <-p.exited:
		p.t.Fatalf("the proxy has ended: %v", p.err)
	default:
	}
}

// stop ends the proxy as an administrator does and judges its end: exit code
// 0, in time, and a log without passwords, panics and data races.
func (p *proxy) stop() {
	p.t.Helper()
	if p.stopped {
		return
	}
	p.stopped = true
	select {
	case <-p.exited:
		p.t.Errorf("the proxy ended before it was asked to: %v", p.err)
	default:
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			p.t.Errorf("SIGTERM to the proxy: %v", err)
		}
	}
	p.awaitExit()
}

// awaitExit waits for the end of a proxy that was told to end.
func (p *proxy) awaitExit() {
	p.t.Helper()
	p.stopped = true
	select {
	case <-p.exited:
		if p.err != nil {
			p.t.Errorf("the proxy ended with: %v", p.err)
		}
	case <-time.After(2 * patience):
		p.cmd.Process.Kill()
		<-p.exited
		p.t.Errorf("the proxy did not end within %v of SIGTERM", 2*patience)
	}
	log := p.log()
	for _, bad := range []string{password, "panic:", "goroutine ", "DATA RACE"} {
		if strings.Contains(log, bad) {
			p.t.Errorf("the log of the proxy contains %q:\n%s", bad, tail(log, 60))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.records) != len(p.lines) {
		p.t.Errorf("%d of %d log lines are not JSON", len(p.lines)-len(p.records), len(p.lines))
	}
}

// connect opens a raw connection to the plain listener.
func (p *proxy) connect() *wire { p.t.Helper(); return dialWire(p.t, p.ldap) }

// session opens a raw connection bound as the service account.
func (p *proxy) session() *wire {
	p.t.Helper()
	w := p.connect()
	w.bind(service, password)
	return w
}

// eventually polls until try succeeds.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// clientTLS is the configuration of a client that trusts the tests' CA only.
func clientTLS(t testing.TB) *tls.Config {
	return &tls.Config{RootCAs: pki(t).pool, ServerName: "127.0.0.1"}
}
