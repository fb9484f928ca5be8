package test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSystemdUnits: systemd understands both files, and finds the service confined.
func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze")
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"jamf-ldap-proxy.service", "jamf-ldap-proxy.socket"} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// It insists on a program that is there.
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/jamf-ldap-proxy", raceBinary(t)))
		units = append(units, filepath.Join(dir, name))
		if err := os.WriteFile(units[len(units)-1], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(findProgram("systemd-analyze"), append([]string{"verify"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err = exec.Command(findProgram("systemd-analyze"), "security", "--offline=true", "--threshold=25", units[0]).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: more exposed than 2.5: %v\n%s", err, tail(string(out), 2))
	}
	t.Log(tail(string(out), 1))
}

// manager is what systemd is to a service: a socket that it tells things.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func startManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // t.TempDir is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); os.RemoveAll(dir) })
	return &manager{t, conn, path}
}

// await returns the next message with that line, and all that came before it.
func (m *manager) await(line string) (all []string) {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(2 * patience))
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("waiting for %s: %v; before came %q", line, err, all)
		}
		all = append(all, string(buf[:n]))
		for got := range strings.SplitSeq(string(buf[:n]), "\n") {
			if strings.HasPrefix(got, line) {
				return all
			}
		}
	}
}

// supervisedBy runs the proxy as a service of m.
func supervisedBy(t *testing.T, m *manager, s settings, env ...string) *proxy {
	t.Helper()
	config := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(config, s.yaml(t), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{"NOTIFY_SOCKET=" + m.path}, env...), raceBinary(t), "serve", "--config", config)
	p := launch(t, exec.Command("/usr/bin/env", args...), config)
	p.awaitAddresses(false)
	return p
}

// TestSystemdIsTold when the proxy is ready, reloads and stops, and that it lives.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	m := startManager(t)
	s := settings{servers: []string{embedded(t).url()}, limits: yamlMap{"drain": "7s"}}
	p := supervisedBy(t, m, s, "WATCHDOG_USEC=2000000")
	m.await("READY=1")
	p.session().ask(search("(objectClass=groupOfNames)").wire(t))
	m.await("WATCHDOG=1")
	m.await("STATUS=1 clients, ")

	p.signal(syscall.SIGHUP)
	m.await("RELOADING=1")
	m.await("READY=1")
	if err := os.WriteFile(p.config, []byte("what: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	reload := m.await("RELOADING=1")
	if last := reload[len(reload)-1]; !strings.Contains(last, "\nMONOTONIC_USEC=") {
		t.Errorf("a reload begins with %q", last)
	}
	ready := m.await("READY=1")
	if last := ready[len(ready)-1]; !strings.Contains(last, "the changed configuration was refused") {
		t.Errorf("a reload that failed ends with %q", last)
	}
	p.signal(syscall.SIGTERM)
	stopping := m.await("STOPPING=1")
	if last := stopping[len(stopping)-1]; !strings.Contains(last, "EXTEND_TIMEOUT_USEC=10000000") {
		t.Errorf("the end begins with %q", last)
	}
	p.awaitExit()
	for _, r := range p.recordsNow() {
		if r.text("kind") == "rootdse" {
			t.Errorf("the proxy's own question is in the log: %v", r)
		}
	}
}

// TestSystemdIsNotToldTooEarly: ready is when the pairs are known, or out of reach.
func TestSystemdIsNotToldTooEarly(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, embedded(t).addr)
	gate := relay.holdRequests(opSearch)
	m := startManager(t)
	p := supervisedBy(t, m, withAccount(t, settings{servers: []string{relay.url()}, noPairs: true, discover: true}))
	gate.await()
	m.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || strings.Contains(string(buf[:n]), "READY=1") {
			t.Fatalf("told %q, %v while the groups are being read", buf[:n], err)
		}
	}
	gate.open()
	m.await("READY=1")
	p.stop()
}

// TestSystemdSockets: listeners take the sockets that systemd has opened, also again
// after a reload that took them away, and one that is nobody's is named.
func TestSystemdSockets(t *testing.T) {
	t.Parallel()
	var (
		files     []*os.File
		addresses []string
	)
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, l.Addr().String())
		l.Close()
		defer f.Close()
		files = append(files, f)
	}
	s := settings{servers: []string{embedded(t).url()}, listener: yamlMap{"address": addresses[0]}}
	config := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(config, s.yaml(t), 0o600); err != nil {
		t.Fatal(err)
	}
	// Its own number is in LISTEN_PID, which only it knows before it runs.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=ldap:other exec "$0" serve --config "$1"`, raceBinary(t), config)
	cmd.ExtraFiles = files
	p := launch(t, cmd, config)
	p.awaitAddresses(false)
	p.awaitReady()
	if p.ldap != addresses[0] {
		t.Errorf("it listens on %s, want %s", p.ldap, addresses[0])
	}
	p.awaitRecord("that a socket is nobody's", func(r record) bool {
		return strings.HasPrefix(r.text("msg"), "systemd has opened a socket") && r.text("address") == addresses[1]
	})
	p.session()
	other := s
	other.listener = yamlMap{"address": addresses[1]}
	p.reload(other)
	usable(t, dialGoLDAP(t, addresses[1], service, password))
	p.reload(s)
	usable(t, dialGoLDAP(t, addresses[0], service, password))
}

func (p *proxy) recordsNow() []record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]record{}, p.records...)
}
