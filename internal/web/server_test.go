package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/web"
)

// fixture is a server on a loopback port and a client for it.
type fixture struct {
	t      *testing.T
	url    string
	server *web.Server
	client *http.Client
	served chan error
}

func start(t *testing.T, o web.Options) *fixture {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, l, o)
}

func startOn(t *testing.T, l net.Listener, o web.Options) *fixture {
	f := &fixture{
		t: t, url: "http://" + l.Addr().String(), server: web.New(l, o),
		client: &http.Client{Transport: &http.Transport{}}, served: make(chan error, 1),
	}
	go func() { f.served <- f.server.Serve() }()
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		if err := f.server.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-f.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// ask sends a request and returns the answer with its body.
func (f *fixture) ask(method, path, host string) (*http.Response, string) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	response, err := f.client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response, string(body)
}

func (f *fixture) expect(method, path string, status int, body string) {
	f.t.Helper()
	response, got := f.ask(method, path, "")
	if response.StatusCode != status || got != body {
		f.t.Errorf("%s %s: %d %q, want %d %q", method, path, response.StatusCode, got, status, body)
	}
}

func TestPages(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	f := start(t, web.Options{Metrics: metrics})
	f.expect("GET", "/metrics", 200, "up 1\n")
	f.expect("GET", "/healthz", 200, "ok\n")
	f.expect("HEAD", "/healthz", 200, "")
	f.expect("GET", "/readyz", 200, "ready\n")
	f.expect("GET", "/nothing", 404, "404 page not found\n")
	f.expect("GET", "/debug/pprof/", 404, "404 page not found\n")
	f.expect("POST", "/metrics", 405, "only GET and HEAD are served here\n")
	f.expect("DELETE", "/nothing", 405, "only GET and HEAD are served here\n")

	response, page := f.ask("GET", "/", "")
	if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type of / is %q", got)
	}
	for _, link := range []string{"/metrics", "/healthz", "/readyz"} {
		if !strings.Contains(page, `href="`+link+`"`) {
			t.Errorf("/ does not link %s", link)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style") {
		t.Error("/ holds a script or a style, which its own policy forbids")
	}
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
	response, body := f.ask("GET", "/readyz", "")
	if response.StatusCode != 503 || !strings.HasPrefix(body, `draining\x0axxx`) || len(body) > 201 {
		t.Errorf("/readyz: %d %q", response.StatusCode, body)
	}
	f.expect("GET", "/healthz", 200, "ok\n")
}

func TestEveryAnswerIsHardened(t *testing.T) {
	f := start(t, web.Options{})
	for _, path := range []string{"/", "/healthz", "/nothing"} {
		response, _ := f.ask("GET", path, "")
		for name, want := range map[string]string{
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"Cache-Control":           "no-store",
		} {
			if got := response.Header.Get(name); got != want {
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
		if response, _ := f.ask("GET", "/healthz", host); response.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, response.StatusCode, want)
		}
	}
}

func TestOpenAddressAnswersToAnyName(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := startOn(t, openListener{l}, web.Options{})
	f.url = "http://" + l.Addr().String()
	if response, _ := f.ask("GET", "/healthz", "proxy.internal"); response.StatusCode != 200 {
		t.Errorf("status %d", response.StatusCode)
	}
}

// openListener claims an address that others can reach, without being reachable.
type openListener struct{ net.Listener }

func (openListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 8389} }

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
		_, body := f.ask("GET", "/metrics", "")
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = web.New(l, web.Options{}).Serve()
	if !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "serving http on 127.0.0.1:") {
		t.Errorf("Serve = %v", err)
	}
}
