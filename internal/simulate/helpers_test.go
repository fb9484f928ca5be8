package simulate_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

const (
	base      = directory.SampleBase
	accountDN = "uid=jamf.ldap," + base
	patience  = 20 * time.Second // what must not happen takes longer than this
)

// rig is the real proxy in this process, before an embedded directory. Clients
// reach it over memory, as the page does.
type rig struct {
	*testing.T
	dir     *directory.Directory
	clients *pipes
	records *recorder
}

type setup struct {
	directory directory.Config
	groups    rewrite.Config
}

func start(t *testing.T, mode rewrite.Mode, change ...func(*setup)) *rig {
	t.Helper()
	s := setup{groups: rewrite.DefaultConfig()}
	s.groups.Mode, s.groups.Base = mode, base
	s.groups.Pairs = []rewrite.PairConfig{
		{Legacy: "gameOfThrones", Posix: "got", GID: 7001},
		{Legacy: "Night's Watch (Wall)", Posix: "nightswatch", GID: 7005},
		{Legacy: "Straße*Köln", Posix: "koeln", GID: 7009},
	}
	for _, f := range change {
		f(&s)
	}
	r := &rig{T: t, clients: newPipes(), records: &recorder{}}
	var err error
	if r.dir, err = directory.New(s.directory); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.dir.Close() })
	if err := r.dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	rules, err := rewrite.Compile(s.groups)
	if err != nil {
		t.Fatal(err)
	}
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Base = []string{"ldap://" + r.dir.Addr()}, base
	pool, err := upstream.New(cfg, upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := proxy.New(proxy.Config{
		Limits: proxy.DefaultLimits(), NamingContext: base, Upstream: pool, SearchTimeout: cfg.SearchTimeout,
		Rules: func() *rewrite.Rules { return rules }, Recorder: r.records,
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(context.Background(), r.clients, proxy.ListenOptions{Name: "test"})
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
		<-served
		_ = pool.Close(ctx)
	})
	return r
}

// jamf is a Jamf with the usual mappings that asks the proxy.
func (r *rig) jamf(change ...func(*simulate.Jamf)) *simulate.Jamf {
	j := &simulate.Jamf{
		Dial:     r.clients.dial,
		Account:  simulate.Account{DN: accountDN, Password: secret.New([]byte(directory.SamplePassword))},
		Mappings: simulate.Default(base),
	}
	for _, f := range change {
		f(j)
	}
	return j
}

// direct asks the directory without the proxy, over TCP.
func (r *rig) direct(j *simulate.Jamf) {
	j.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", r.dir.Addr())
	}
}

func exact(j *simulate.Jamf) { j.Mappings.UseWildcards = false }

func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.Cleanup(cancel)
	return ctx
}

func (r *rig) user(j *simulate.Jamf, name string) *simulate.Answer {
	r.Helper()
	return r.good(j.User(r.ctx(), name))
}

func (r *rig) group(j *simulate.Jamf, name string) *simulate.Answer {
	r.Helper()
	return r.good(j.Group(r.ctx(), name))
}

func (r *rig) membership(j *simulate.Jamf, user, group string) *simulate.Answer {
	r.Helper()
	return r.good(j.Membership(r.ctx(), user, group))
}

func (r *rig) good(a *simulate.Answer, err error) *simulate.Answer {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return a
}

// problem fails the test unless the answer has exactly one problem with the text.
func (r *rig) problem(a *simulate.Answer, what string) simulate.Problem {
	r.Helper()
	var found []simulate.Problem
	for _, p := range a.Problems {
		if strings.Contains(p.What, what) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		r.Fatalf("%d problems say %q: %+v", len(found), what, a.Problems)
	}
	return found[0]
}

func (r *rig) noProblem(a *simulate.Answer) {
	r.Helper()
	if len(a.Problems) > 0 {
		r.Errorf("problems: %+v", a.Problems)
	}
}

// rows writes an entry as label=values, for comparison.
func rows(e simulate.Entry) map[string]string {
	m := map[string]string{}
	for _, row := range e.Rows {
		m[row.Label] = strings.Join(row.Values, "|")
		if row.Missing {
			m[row.Label] = "(missing)"
		}
	}
	return m
}

// recorder keeps the proxy's records.
type recorder struct {
	mu   sync.Mutex
	list []*lookup.Record
}

func (r *recorder) Publish(rec *lookup.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
}

func (r *recorder) all() []*lookup.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*lookup.Record(nil), r.list...)
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
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

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
