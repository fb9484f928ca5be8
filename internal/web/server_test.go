package web_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

func TestPages(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	f := start(t, web.Options{Metrics: metrics})
	f.expect("GET", "/metrics", 200, "up 1\n")
	f.expect("GET", "/healthz", 200, "ok\n")
	f.expect("HEAD", "/healthz", 200, "")
	f.expect("GET", "/readyz", 200, "ready\n")
	f.expect("GET", "/nothing", 404, "404 page not found\n")
	f.expect("GET", "/debug/pprof/", 404, "404 page not found\n")
	f.expect("POST", "/metrics", 405, "only GET and HEAD can be done here\n")
	f.expect("DELETE", "/nothing", 405, "only GET and HEAD can be done here\n")
}

func TestReadinessGivesItsReason(t *testing.T) {
	var draining atomic.Bool
	f := start(t, web.Options{Ready: func() error {
		if draining.Load() {
			return errors.New("draining\n" + strings.Repeat("x", 1000))
		}
		return nil
	}})
	f.expect("GET", "/readyz", 200, "ready\n")
	draining.Store(true)
	response, body := f.get("/readyz")
	if response.StatusCode != 503 || !strings.HasPrefix(body, `draining\x0axxx`) || len(body) > 201 {
		t.Errorf("/readyz: %d %q", response.StatusCode, body)
	}
	f.expect("GET", "/healthz", 200, "ok\n")
}

func TestEveryAnswerIsHardened(t *testing.T) {
	f := start(t, web.Options{})
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for _, path := range []string{"/", "/healthz", "/nothing", "/lookups/1", "/static/page.js", "/static/icon.svg", "/api/lookups", "/api/try"} {
		answer, _ := f.get(path)
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Content-Security-Policy":      policy,
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestLoopbackAnswersOnlyToItsOwnNames(t *testing.T) {
	f := start(t, web.Options{Host: "Proxy.example.com"})
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8389": 200, "127.0.0.1": 200, "127.0.0.1:8389": 200, "[::1]": 200, "[::1]:8389": 200,
		"proxy.example.com:80": 200, "proxy.example.com.": 200,
		"evil.example.com": 421, "evil.example.com:8389": 421, "localhost.evil.example.com": 421, "127.0.0.1.nip.io": 421,
	} {
		if response, _ := f.get("/healthz", "Host", host); response.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, response.StatusCode, want)
		}
	}
}

func TestOpenAddressAnswersToAnyName(t *testing.T) {
	l := listen(t)
	f := startOn(t, openListener{l}, web.Options{})
	f.url = "http://" + l.Addr().String()
	if response, _ := f.get("/healthz", "Host", "proxy.internal"); response.StatusCode != 200 {
		t.Errorf("status %d", response.StatusCode)
	}
}

// openListener claims an address that others can reach, without being reachable.
type openListener struct{ net.Listener }

func (openListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 8389} }

// A socket of the file system is for this machine, as a loopback address is.
func TestSocketAnswersOnlyToItsOwnNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := startOn(t, l, web.Options{})
	f.url = "http://localhost"
	f.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	f.expect("GET", "/healthz", 200, "ok\n")
	if answer, _ := f.get("/healthz", "Host", "evil.example.com"); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Error(answer.Status)
	}
}

func TestClientWithoutHostHeader(t *testing.T) {
	f := start(t, web.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK\r\n") {
		t.Errorf("answer %q, error %v", answer, err)
	}
}

// blockingHandler holds a request until it is released or its client is gone.
type blockingHandler struct{ entered, release chan struct{} }

func (h blockingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	close(h.entered)
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, "done")
}

func TestShutdownWaitsForRequestsInProgress(t *testing.T) {
	h := blockingHandler{make(chan struct{}), make(chan struct{})}
	f := start(t, web.Options{Metrics: h})
	got := make(chan string)
	go func() {
		_, body := f.get("/metrics")
		got <- body
	}()
	<-h.entered
	ended := make(chan error)
	go func() { ended <- f.server.Shutdown(t.Context()) }()
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned %v during a request", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(h.release)
	if body := <-got; body != "done" {
		t.Errorf("the request in progress got %q", body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	h := blockingHandler{make(chan struct{}), make(chan struct{})}
	l := listen(t)
	server := web.New(l, web.Options{Metrics: h})
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-h.entered

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown = %v, want the deadline", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if answer, _ := io.ReadAll(conn); len(answer) > 0 {
		t.Errorf("the stuck request was answered with %q", answer)
	}
}

func TestShutdownBeforeServeFreesTheAddress(t *testing.T) {
	l := listen(t)
	server := web.New(l, web.Options{})
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Errorf("Serve after Shutdown = %v", err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestServeReportsABrokenListener(t *testing.T) {
	l := listen(t)
	l.Close()
	err := web.New(l, web.Options{}).Serve()
	if !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "serving http on 127.0.0.1:") {
		t.Errorf("Serve = %v", err)
	}
}

func TestServesHTTPS(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1, and a client that trusts it
	certificates, client := lender.TLS.Certificates, lender.Client()
	defer lender.Close()
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring, Now: clock, TLS: &tls.Config{Certificates: certificates}})
	if answer, _ := f.get("/healthz"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", answer.Status)
	}
	f.url = strings.Replace(f.url, "http:", "https:", 1)
	f.client.CloseIdleConnections()
	f.client = client
	for _, protocol := range []string{"HTTP/2.0", "HTTP/1.1"} {
		transport := client.Transport.(*http.Transport).Clone()
		transport.ForceAttemptHTTP2 = protocol == "HTTP/2.0"
		transport.TLSClientConfig.NextProtos = nil
		if !transport.ForceAttemptHTTP2 {
			transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		f.client = &http.Client{Transport: transport}
		if answer, body := f.get("/healthz"); answer.Proto != protocol || body != "ok\n" {
			t.Errorf("%s: %s %s", protocol, answer.Proto, body)
		}
		r := f.watch("/api/stream?after=0")
		ring.Write(plain(1))
		r.until(1)
		r.end()
		f.client.CloseIdleConnections()
	}
}
