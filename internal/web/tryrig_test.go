package web_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// tryRig is a page before the real proxy and the embedded directory, wired as serve
// wires them.
type tryRig struct {
	*fixture
	ring *lookup.Ring
	log  *logBook // of everything, at level debug
}

const samplePassword = directory.SamplePassword

// generated is a directory with a group of 30 members.
func generated(c *directory.Config) {
	var text bytes.Buffer
	directory.Generate(&text, 30, 1, 30)
	c.LDIF = &text
}

func tryServer(t *testing.T, change ...func(*directory.Config)) *tryRig {
	t.Helper()
	var c directory.Config
	for _, f := range change {
		f(&c)
	}
	dir, err := directory.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	if err := dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	groups := rewrite.DefaultConfig()
	groups.Base = directory.SampleBase
	groups.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}}
	rules, err := rewrite.Compile(groups)
	if err != nil {
		t.Fatal(err)
	}
	r := &tryRig{ring: lookup.NewRing(nil), log: &logBook{}}
	log, _, closeLog := logging.New(logging.Options{Level: zapcore.DebugLevel, Format: "json", Out: r.log})
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Base = []string{"ldap://" + dir.Addr()}, directory.SampleBase
	pool, err := upstream.New(cfg, upstream.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	records := lookup.NewFanout(nil, logging.NewSink(log), r.ring)
	server := proxy.New(proxy.Config{
		Limits: proxy.DefaultLimits(), NamingContext: directory.SampleBase, Upstream: pool, SearchTimeout: cfg.SearchTimeout,
		Rules: func() *rewrite.Rules { return rules }, Recorder: records, Logger: log, Trace: true,
	})
	inside := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(context.Background(), inside, proxy.ListenOptions{Name: "page"})
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
		<-served
		_ = pool.Close(ctx)
		_ = records.Close(ctx)
		_ = closeLog()
	})
	s := site
	s.Base = directory.SampleBase
	r.fixture = start(t, web.Options{
		Ring: r.ring, Try: inside.dialer, Site: s, Rules: func() *rewrite.Rules { return rules }, ErrorLog: zap.NewStdLog(log),
	})
	return r
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dialer(from net.Addr) simulate.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case p.conns <- visitor{theirs, from}:
			return ours, nil
		case <-p.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "page", Net: "pipe"} }

type visitor struct {
	net.Conn
	from net.Addr
}

func (v visitor) RemoteAddr() net.Addr { return v.from }
