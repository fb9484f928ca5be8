package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Two proxies behind HAProxy, in the configuration of deploy/haproxy, lose no
// lookup when one of them drains or is upgraded, and only what it was at work
// on when it is killed. The load is what Jamf does: a connection, a bind and a
// search per lookup.
func TestHighAvailability(t *testing.T) {
	need(t, "haproxy", "ldapsearch", "java", "javac")
	up, newer := embedded(t), newerBinary(t)
	behind := settings{
		servers: []string{up.url()}, plain: true, logLevel: "info",
		listener: yamlMap{"proxy_protocol": yamlMap{"from": []string{"127.0.0.0/8"}}},
		limits:   yamlMap{"drain_delay": "3s", "drain": "10s"},
	}
	one, two := startWith(t, behind), startWith(t, behind)
	balancer := startHAProxy(t, one.ldap, two.ldap)
	load := startLoad(t, balancer)

	quiet := load.during("nothing happens", 2*time.Second, func() {})
	drain := load.during("one is drained", 3*time.Second, func() { one.stop() })
	one = restart(t, one, behind, "")
	balancer.awaitUp("proxy1")
	upgrade := load.during("one is upgraded", 3*time.Second, func() {
		two.stop()
		two = restart(t, two, behind, newer)
		balancer.awaitUp("proxy2")
	})
	kill := load.during("one is killed with SIGKILL", 3*time.Second, func() { one.kill() })
	load.stop()

	for _, w := range []*window{quiet, drain, upgrade} {
		if w.failed() > 0 {
			t.Errorf("%s: %d of %d lookups failed:\n%s", w.name, w.failed(), len(w.lookups), w.failures())
		}
	}
	if n := kill.failed(); n > load.loops {
		t.Errorf("%s: %d lookups failed, but only %d can have been in flight:\n%s", kill.name, n, load.loops, kill.failures())
	}
	for _, w := range []*window{quiet, drain, upgrade, kill} {
		t.Logf("%-28s %5d lookups, %d failed, slowest %v", w.name, len(w.lookups), w.failed(), w.slowest().Round(time.Millisecond))
		if len(w.lookups) < 10 {
			t.Errorf("%s: only %d lookups, which proves nothing", w.name, len(w.lookups))
		}
	}
	if v := two.get("/metrics"); !strings.Contains(v, `version="`+newerVersion+`"`) {
		t.Errorf("the proxy that was upgraded does not say it is %s", newerVersion)
	}
}

// restart runs a proxy where one was, from another binary if one is named.
func restart(t *testing.T, was *proxy, s settings, binary string) *proxy {
	t.Helper()
	s.binary = binary
	s.listener = yamlMap{"address": was.ldap, "proxy_protocol": s.listener["proxy_protocol"]}
	return startWith(t, s)
}

// kill ends the process as a power cut does.
func (p *proxy) kill() {
	p.t.Helper()
	p.stopped = true
	p.signal(syscall.SIGKILL)
	<-p.exited
}

const newerVersion = "v99.0.0"

// newerBinary is the program under test with a higher version.
func newerBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jamf-ldap-proxy-newer")
	cmd := exec.Command("go", "build", "-ldflags=-X main.release="+newerVersion, "-o", path, "./cmd/jamf-ldap-proxy")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building a newer version: %v\n%s", err, out)
	}
	return path
}

// balancer is HAProxy with the configuration that is shipped.
type balancer struct {
	t     *testing.T
	addr  string
	stats string // socket
}

func startHAProxy(t *testing.T, one, two string) *balancer {
	t.Helper()
	text, err := os.ReadFile("../deploy/haproxy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, addr: free(t), stats: filepath.Join(t.TempDir(), "stats")}
	config := strings.NewReplacer(
		"bind :1389", "bind "+b.addr,
		"192.0.2.11:1389", one,
		"192.0.2.12:1389", two,
		"    maxconn 4000", "    maxconn 400\n    stats socket "+b.stats,
	).Replace(string(text))
	for _, changed := range []string{b.addr, one, two, b.stats} {
		if !strings.Contains(config, changed) {
			t.Fatalf("deploy/haproxy/haproxy.cfg has changed: no place for %s", changed)
		}
	}
	runHAProxy(t, config)
	b.awaitUp("proxy1")
	b.awaitUp("proxy2")
	return b
}

// awaitUp waits until HAProxy's check finds a server well.
func (b *balancer) awaitUp(server string) {
	b.t.Helper()
	eventually(b.t, "HAProxy finds "+server+" up", func() error {
		conn, err := net.Dial("unix", b.stats)
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprintln(conn, "show stat")
		all, err := io.ReadAll(conn)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(all)) {
			if f := strings.Split(line, ","); len(f) > 36 && f[1] == server && f[17] == "UP" && strings.HasSuffix(f[36], "L7OK") {
				return nil
			}
		}
		return fmt.Errorf("not up with L7OK:\n%s", all)
	})
}

// load asks without pause, in several loops, and notes every lookup.
type load struct {
	loops   int
	ctx     context.Context
	stop    func()
	mu      sync.Mutex
	lookups []timedLookup
}

type timedLookup struct {
	client   string
	from, to time.Time
	failure  string // empty: the right answer
}

func startLoad(t *testing.T, b *balancer) *load {
	t.Helper()
	if failure := askJNDI(newJNDI(t), b.addr); failure != "" { // starts Java, which takes seconds
		t.Fatalf("JNDI: %s", failure)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{ctx: ctx}
	var running sync.WaitGroup
	l.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(l.stop)
	loop := func(client string, ask func() string) {
		l.loops++
		running.Go(func() {
			for ctx.Err() == nil {
				from := time.Now()
				failure := ask()
				if ctx.Err() != nil {
					return
				}
				l.mu.Lock()
				l.lookups = append(l.lookups, timedLookup{client, from, time.Now(), failure})
				l.mu.Unlock()
			}
		})
	}
	for range 2 {
		loop("ldapsearch", func() string { return l.ldapsearch(b.addr) })
	}
	for range 3 {
		loop("JNDI", func() string { return askJNDI(newJNDI(t), b.addr) })
	}
	return l
}

const haFilter = "(&(objectClass=groupOfNames)(cn=gameOfThrones))"

func (l *load) ldapsearch(address string) (failure string) {
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, findProgram("ldapsearch"), "-x", "-LLL", "-H", "ldap://"+address,
		"-D", service, "-w", password, "-b", usersBase, haFilter, "gidNumber")
	cmd.Env = append(os.Environ(), "LDAPNOINIT=1")
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Sprintf("%v: %s", err, out)
	case !strings.Contains(string(out), "gidNumber: 7001"):
		return "a wrong answer: " + string(out)
	}
	return ""
}

func askJNDI(c jndiClient, address string) (failure string) {
	if a := c.open("ldap://"+address, simpleBind(service, password)...); a.Code != 0 {
		return "connecting: " + a.Text
	}
	defer c.close()
	a := c.do("search", searchArgs(request{Base: usersBase, Scope: 2, Filter: haFilter, Attrs: []string{"gidNumber"}})...)
	if a.Code != 0 || len(a.Entries) != 1 || !slices.Equal(a.Entries[0].Attrs["gidNumber"], []string{"7001"}) {
		return fmt.Sprintf("code %d, %d entries: %s", a.Code, len(a.Entries), a.Text)
	}
	return ""
}

// window is the lookups that touched a span of time in which something happened.
type window struct {
	name    string
	lookups []timedLookup
}

// during lets something happen under load, and goes on for a while.
func (l *load) during(name string, after time.Duration, event func()) *window {
	from := time.Now()
	event()
	time.Sleep(after)
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &window{name: name}
	for _, x := range l.lookups {
		if x.to.After(from) {
			w.lookups = append(w.lookups, x)
		}
	}
	return w
}

func (w *window) failed() (n int) {
	for _, l := range w.lookups {
		if l.failure != "" {
			n++
		}
	}
	return n
}

func (w *window) failures() string {
	var b strings.Builder
	for _, l := range w.lookups {
		if l.failure != "" {
			fmt.Fprintf(&b, "  %s, after %v: %s\n", l.client, l.to.Sub(l.from).Round(time.Millisecond), strings.TrimSpace(l.failure))
		}
	}
	return b.String()
}

func (w *window) slowest() (d time.Duration) {
	for _, l := range w.lookups {
		d = max(d, l.to.Sub(l.from))
	}
	return d
}
