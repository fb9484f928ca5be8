package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// TestIdleConnectionsAreSmall holds a bound, idle connection to 14 kB of Go
// memory, stacks included; one of half that is usual. What the kernel holds is
// not seen here. Our own client and its fake's share are part of the figure.
func TestIdleConnectionsAreSmall(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("measures memory")
	}
	r := start(t)
	r.bound()
	const clients = 400
	conns := make([]net.Conn, clients)
	before := memory()
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", r.addr); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
		if _, err := conns[i].Write(bindRequest(1, jamfDN, password)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conns[i], make([]byte, 14)); err != nil {
			t.Fatal(err)
		}
	}
	each := (memory() - before) / clients
	t.Logf("%d octets for each idle, bound connection", each)
	if each > 14<<10 {
		t.Errorf("%d octets for each idle connection", each)
	}
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// benchmark measures a lookup of a client that waits for each answer; upstream
// answers with prepared octets.
func benchmark(b *testing.B, entries int, kept *cache.Cache) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go prepared(l, entries)
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Base = []string{"ldap://" + l.Addr().String()}, usersBase
	pool, err := upstream.New(cfg, upstream.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pool.Close(context.Background()) }()
	rules, err := rewrite.Compile(rewrite.Config{Mode: rewrite.ModePosix, Base: usersBase})
	if err != nil {
		b.Fatal(err)
	}
	server := proxy.New(proxy.Config{
		Limits: proxy.DefaultLimits(), Upstream: pool, Rules: func() *rewrite.Rules { return rules },
		SearchTimeout: cfg.SearchTimeout, Cache: kept,
	})
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(context.Background(), front, proxy.ListenOptions{}) }()
	defer func() { _ = server.Shutdown(context.Background()) }()
	conn, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	framer := ldap.NewFramer(conn)
	ask := func(request []byte, messages int) {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		for range messages {
			if _, err := framer.Next(1<<20, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	ask(bindRequest(1, jamfDN, password), 1)
	request := searchRequest(2, userFilter("jon.snow"), manageDsaIT)
	b.ReportAllocs()
	for b.Loop() {
		ask(request, entries+1)
	}
}

func prepared(l net.Listener, entries int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			body := entryBody(jonDN, "uid", "jon.snow", "cn", "Jon Snow", "mail", "jon@example.com")
			var out []byte
			for framer := ldap.NewFramer(conn); ; {
				frame, err := framer.Next(1<<20, nil)
				if err != nil {
					return
				}
				m, err := ldap.ParseMessage(frame)
				if err != nil {
					return
				}
				out = out[:0]
				for range entries {
					if m.Op == ldap.OpSearchRequest {
						out = ldap.AppendOperation(out, m.ID, ldap.OpSearchResultEntry, body, nil)
					}
				}
				out = ldap.AppendResult(out, m.ID, ldap.ResponseOp(m.Op), &ldap.Result{}, nil)
				if _, err := conn.Write(out); err != nil {
					return
				}
			}
		}()
	}
}

func BenchmarkUserSearch(b *testing.B) {
	b.Run("1 entry", func(b *testing.B) { benchmark(b, 1, nil) })
	b.Run("100 entries", func(b *testing.B) { benchmark(b, 100, nil) })
}

// BenchmarkKeptSearch is BenchmarkUserSearch with an answer that is kept.
func BenchmarkKeptSearch(b *testing.B) {
	for _, entries := range []int{1, 100} {
		b.Run(fmt.Sprint(entries, " entries"), func(b *testing.B) {
			kept := cache.New(hour, nil)
			defer kept.Close()
			benchmark(b, entries, kept)
		})
	}
}
