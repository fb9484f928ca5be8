package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// Behind HAProxy with send-proxy or send-proxy-v2 the log has the address of the
// client, with and without TLS, and HAProxy's checks are served.
func TestPROXYProtocolByHAProxy(t *testing.T) {
	t.Parallel()
	need(t, "haproxy")
	from := yamlMap{"proxy_protocol": yamlMap{"from": []string{"127.0.0.1/32"}}}
	p := startWith(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true, listener: from, secure: from})
	// Every connection of HAProxy is from 127.0.0.1; clients are elsewhere.
	paths := map[string]string{}
	config := "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		for kind, to := range map[string]string{"ldap": p.ldap, "ldaps": p.ldaps} {
			name := kind + "-" + send
			paths[name] = free(t)
			// The check of a plain listener is an anonymous bind, that of the other no more than TCP.
			check := ""
			if kind == "ldap" {
				check = "  option ldap-check\n"
			}
			config += fmt.Sprintf("listen %s\n  bind %s\n%s  server proxy %s source 127.0.0.1 %s check inter 100ms check-send-proxy\n",
				name, paths[name], check, to, send)
		}
	}
	runHAProxy(t, config)
	client := 10
	for name, address := range paths {
		client++
		ip := fmt.Sprintf("127.0.0.%d", client)
		t.Run(name, func(t *testing.T) {
			var conn *goldap.Conn
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
			eventually(t, "HAProxy serves", func() (err error) {
				options := []goldap.DialOpt{goldap.DialWithDialer(dialer)}
				if strings.HasPrefix(name, "ldaps") {
					options = append(options, goldap.DialWithTLSConfig(clientTLS(t)))
				}
				if conn, err = goldap.DialURL(strings.SplitN(name, "-", 2)[0]+"://"+address, options...); err != nil {
					return err
				}
				t.Cleanup(func() { conn.Close() })
				return conn.Bind(service, password)
			})
			usable(t, goClient{conn})
			p.awaitLookup("a search of "+ip, func(r record) bool {
				return r.text("op") == "search" && strings.HasPrefix(r.text("client_addr"), ip+":")
			})
		})
	}
	p.awaitLookup("HAProxy's check", func(r record) bool {
		return r.text("op") == "bind" && r["result"] == float64(0) && r.text("bind_dn") == "" && strings.HasPrefix(r.text("client_addr"), "127.0.0.1:")
	})
	for _, bad := range []string{"refused a connection", "handshake"} {
		if strings.Contains(p.log(), bad) {
			t.Errorf("the log speaks of %q", bad)
		}
	}
	// Past the balancer: from an address that is not on the list, and from one that is.
	direct := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	conn, err := direct.Dial("tcp", p.ldap)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := dialedOver(&wire{t: t}, conn)
	w.bind(service, password)
	listed := p.connect()
	listed.write(message(1, bindOp(3, service, password)))
	if m := listed.receive(); m.id != 0 || !bytes.Contains(m.raw, []byte("listeners.proxy_protocol")) {
		t.Errorf("without a header: %q", m.raw)
	}
	p.awaitRecord("who sent no header", func(r record) bool {
		return strings.Contains(r.text("msg"), "listeners.proxy_protocol.from") && strings.Contains(r.text("msg"), "send-proxy")
	})
	if n := p.counted(`client_connections_total{outcome="refused_proxy_header"}`); n != "1" {
		t.Errorf("refused_proxy_header is %s", n)
	}
}

// runHAProxy runs one with that configuration, which names its addresses.
func runHAProxy(t *testing.T, config string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log transcript
	cmd := exec.Command(findProgram("haproxy"), "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = &log, &log
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("HAProxy with\n%s\nsaid\n%s", config, tail(log.String(), 40))
		}
	})
}

// A balancer gone mad sends half headers only: whoever sends a whole one is
// served meanwhile, and nothing is left of the others.
func TestHalfPROXYHeaders(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, limits: yamlMap{"connections": 50, "proxy_header": "2s"},
		listener: yamlMap{"proxy_protocol": yamlMap{"from": []string{"127.0.0.0/8"}}}})
	const halves = 300
	conns := make([]*wire, halves)
	for i := range conns {
		conns[i] = p.connect()
		conns[i].write([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11"))
	}
	began := time.Now()
	w := p.connect()
	w.write([]byte("PROXY TCP4 203.0.113.7 192.0.2.1 4711 389\r\n"))
	w.bind(service, password)
	usable(t, wireClient{w})
	t.Logf("served within %v beside %d half headers", time.Since(began).Round(time.Millisecond), halves)
	p.awaitLookup("the client's own address", func(r record) bool { return r.text("client_addr") == "203.0.113.7:4711" })
	for _, half := range conns {
		half.rawUntilClosed(patience)
	}
	eventually(t, "one client is left", func() error {
		if n := p.counted("client_connections"); n != "1" {
			return fmt.Errorf("client_connections is %s", n)
		}
		return nil
	})
}
