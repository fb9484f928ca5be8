package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/web"
)

func (f *fixture) dial() net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	return conn
}

// A browser opens connections before it needs them; net/http waits five seconds for
// one that has not sent anything yet. A machine may be slow once, but not each time.
func TestShutdownDoesNotWaitForAConnectionWithoutRequest(t *testing.T) {
	var err error
	for range 3 {
		f := start(t, web.Options{})
		conn := f.dial()
		await(t, "the connection is noticed", func() bool { return f.server.OpenConns() == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		err = f.server.Shutdown(ctx)
		cancel()
		if rest, _ := io.ReadAll(conn); len(rest) > 0 {
			t.Errorf("the connection was answered with %q", rest)
		}
		if err == nil {
			return
		}
	}
	t.Errorf("Shutdown: %v", err)
}

func TestConnectionsAreBounded(t *testing.T) {
	f := start(t, web.Options{})
	conns := make([]net.Conn, web.MaxConns)
	for i := range conns {
		conns[i] = f.dial()
	}
	await(t, "all are noticed", func() bool { return f.server.OpenConns() == web.MaxConns })
	beyond := f.dial()
	beyond.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(beyond, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if n, err := beyond.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a connection beyond the bound is served")
	}
	await(t, "the one beyond is forgotten", func() bool { return f.server.OpenConns() == web.MaxConns })
	conns[0].Close()
	await(t, "one is free", func() bool { return f.server.OpenConns() < web.MaxConns })
	f.expect("GET", "/healthz", http.StatusOK, "ok\n")
}
