package proxy_test

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

const (
	usersBase = "ou=Users,o=org,dc=jumpcloud,dc=com"
	jamfDN    = "uid=jamf," + usersBase
	jonDN     = "uid=jon.snow," + usersBase
	password  = "s3cret"

	patience = 10 * time.Second // what must not happen takes longer than this
)

// rig is a proxy on loopback in front of a scripted upstream.
type rig struct {
	*testing.T
	server   *proxy.Server
	addr     string
	up       *fake
	pool     *upstream.Pool
	records  *recorder
	counts   *counts
	logs     *observer.ObservedLogs
	clock    *clock
	shutdown func(time.Duration) error
}

// setup is what a test may change before the rig starts.
type setup struct {
	config   proxy.Config
	upstream upstream.Config
	groups   rewrite.Config
	listen   proxy.ListenOptions
	script   script
	wrap     func(net.Listener) net.Listener
}

func start(t *testing.T, change ...func(*setup)) *rig {
	t.Helper()
	r := &rig{T: t, records: &recorder{}, counts: &counts{n: map[string]int{}}, clock: newClock()}
	core, logs := observer.New(zapcore.DebugLevel)
	r.logs = logs
	s := setup{
		upstream: upstream.DefaultConfig(),
		groups:   rewrite.DefaultConfig(),
		listen:   proxy.ListenOptions{Name: "test"},
		script:   answer,
		wrap:     func(l net.Listener) net.Listener { return l },
	}
	s.upstream.Warm = 0 // tests count connections
	s.groups.Base = usersBase
	s.groups.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}}
	s.config = proxy.Config{
		Limits: proxy.DefaultLimits(), NamingContext: usersBase,
		Recorder: r.records, Metrics: r.counts, Logger: zap.New(core), Now: r.clock.now,
	}
	for _, f := range change {
		f(&s)
	}
	r.up = startFake(t, s.script)
	s.upstream.Servers, s.upstream.Base = append([]string{"ldap://" + r.up.addr()}, s.upstream.Servers...), usersBase
	s.config.SearchTimeout = s.upstream.SearchTimeout
	var err error
	if r.pool, err = upstream.New(s.upstream, upstream.Options{}); err != nil {
		t.Fatal(err)
	}
	s.config.Upstream = r.pool
	if s.config.Rules == nil {
		rules, err := rewrite.Compile(s.groups)
		if err != nil {
			t.Fatal(err)
		}
		s.config.Rules = func() *rewrite.Rules { return rules }
	}
	r.server = proxy.New(s.config)
	r.serve(&s)
	return r
}

func (r *rig) serve(s *setup) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	r.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(context.Background(), s.wrap(l), s.listen) }()
	r.shutdown = onceWith(func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		err := r.server.Shutdown(ctx)
		if got := <-served; !errors.Is(got, proxy.ErrServerClosed) {
			r.Errorf("Serve returned %v", got)
		}
		return err
	})
	r.Cleanup(func() {
		_ = r.shutdown(0)
		r.up.close()
		_ = r.pool.Close(context.Background())
	})
}

// recorder keeps the records.
type recorder struct {
	mu   sync.Mutex
	list []*lookup.Record
}

func (r *recorder) Publish(rec *lookup.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
}

// of returns the records of op in the order in which the requests came. A record
// is published behind its answer, so that two can overtake each other: only
// those before which none is missing count.
func (r *recorder) of(op string) []*lookup.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.list, func(a, b *lookup.Record) int { return cmp.Compare(a.ID, b.ID) })
	var found []*lookup.Record
	for i, rec := range r.list {
		if rec.ID != uint64(i)+1 {
			break
		}
		if rec.Op == op {
			found = append(found, rec)
		}
	}
	return found
}

// record waits for the record of the n-th request of op.
func (r *rig) record(op string, n int) *lookup.Record {
	r.Helper()
	r.eventually("record of "+op, func() bool { return len(r.records.of(op)) >= n })
	return r.records.of(op)[n-1]
}

func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("waited in vain for: %s", what)
		}
	}
}

// counts is the metrics.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) add(name string) { c.mu.Lock(); c.n[name]++; c.mu.Unlock() }
func (c *counts) get(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

func (c *counts) ClientConnected()          { c.add("connected") }
func (c *counts) ClientDisconnected()       { c.add("disconnected") }
func (c *counts) ClientConnection(o string) { c.add("connection " + o) }
func (c *counts) BindFailed(reason string)  { c.add("bind " + reason) }
func (c *counts) Panic()                    { c.add("panic") }
func (c *counts) SearchReference()          { c.add("reference") }

type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func newClock() *clock { return &clock{} }
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// client is a raw LDAP client.
type client struct {
	*testing.T
	net.Conn
	framer *ldap.Framer
}

func (r *rig) dial() *client {
	r.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close() })
	return &client{T: r.T, Conn: conn, framer: ldap.NewFramer(conn)}
}

// bound dials and binds as the service account.
func (r *rig) bound() *client {
	r.Helper()
	c := r.dial()
	c.bind(1, jamfDN, password, ldap.Success)
	return c
}

func (c *client) send(messages ...[]byte) {
	c.Helper()
	if _, err := c.Write(slices.Concat(messages...)); err != nil {
		c.Fatalf("sending: %v", err)
	}
}

// receive returns the next message; its memory is the caller's.
func (c *client) receive() ldap.Message {
	c.Helper()
	m, err := c.next()
	if err != nil {
		c.Fatalf("receiving: %v", err)
	}
	return m
}

func (c *client) next() (ldap.Message, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	frame, err := c.framer.Next(1<<30, nil)
	if err != nil {
		return ldap.Message{}, err
	}
	return ldap.ParseMessage(slices.Clone(frame))
}

// result receives the final response to id and checks its code.
func (c *client) result(id int32, want ldap.ResultCode) ldap.Result {
	c.Helper()
	m := c.receive()
	return c.check(m, id, want)
}

func (c *client) check(m ldap.Message, id int32, want ldap.ResultCode) ldap.Result {
	c.Helper()
	res, _, err := ldap.DecodeResult(m.Body)
	if err != nil || m.ID != id || res.Code != want {
		c.Fatalf("message %d op 0x%02x %v %q (%v); want message %d with %v", m.ID, byte(m.Op), res.Code, res.Diagnostic, err, id, want)
	}
	return res
}

// results receives a whole search answer.
func (c *client) results(id int32, want ldap.ResultCode) (entries []ldap.Message, done ldap.Message) {
	c.Helper()
	for {
		m := c.receive()
		if m.Op == ldap.OpSearchResultDone || m.Op == ldap.OpExtendedResponse {
			c.check(m, id, want)
			return entries, m
		}
		if m.ID != id {
			c.Fatalf("message %d, want %d", m.ID, id)
		}
		entries = append(entries, m)
	}
}

// notice receives a notice of disconnection and the end of the stream.
func (c *client) notice(want ldap.ResultCode) ldap.Result {
	c.Helper()
	res := c.result(0, want)
	c.closed()
	return res
}

func (c *client) closed() {
	c.Helper()
	if m, err := c.next(); err == nil {
		c.Fatalf("message %d op 0x%02x where the connection should have ended", m.ID, byte(m.Op))
	}
}

func (c *client) bind(id int32, dn, pw string, want ldap.ResultCode) ldap.Result {
	c.Helper()
	c.send(bindRequest(id, dn, pw))
	return c.result(id, want)
}

func (c *client) search(id int32, filter ldap.Filter, want ldap.ResultCode) []ldap.Message {
	c.Helper()
	c.send(searchRequest(id, filter))
	entries, _ := c.results(id, want)
	return entries
}

func bindRequest(id int32, dn, pw string) []byte {
	return ldap.AppendOperation(nil, id, ldap.OpBindRequest, ldap.AppendSimpleBind(nil, dn, []byte(pw)), nil)
}

func userFilter(uid string) ldap.Filter {
	return ldap.And(ldap.Equal("objectClass", "inetOrgPerson"), ldap.Equal("uid", uid))
}

func request(f ldap.Filter) ldap.SearchRequest {
	return ldap.SearchRequest{
		Base: usersBase, Scope: ldap.ScopeSubtree, Deref: 3, TimeLimit: 61, Filter: f,
		Attributes: []string{"uid", "cn", "mail"},
	}
}

func searchRequest(id int32, f ldap.Filter, controls ...ldap.Control) []byte {
	s := request(f)
	return encodeSearch(id, &s, controls...)
}

func encodeSearch(id int32, s *ldap.SearchRequest, controls ...ldap.Control) []byte {
	return ldap.AppendOperation(nil, id, ldap.OpSearchRequest, ldap.AppendSearchRequest(nil, s), encodeControls(controls))
}

func encodeControls(controls []ldap.Control) (contents []byte) {
	for _, c := range controls {
		contents = ldap.AppendControl(contents, c)
	}
	return contents
}

func extendedRequest(id int32, oid string, controls ...ldap.Control) []byte {
	return ldap.AppendOperation(nil, id, ldap.OpExtendedRequest, ldap.AppendExtendedRequest(nil, oid), encodeControls(controls))
}

func compareRequest(id int32, dn, attr, value string, controls ...ldap.Control) []byte {
	body := ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: dn, Attr: attr, Value: value})
	return ldap.AppendOperation(nil, id, ldap.OpCompareRequest, body, encodeControls(controls))
}

func entryBody(dn string, attrs ...string) []byte {
	body := ber.Append(nil, ber.OctetString, dn)
	body, list := ber.Begin(body, ber.Sequence, 0)
	for i := 0; i+1 < len(attrs); i += 2 {
		var attr, set ber.Mark
		body, attr = ber.Begin(body, ber.Sequence, 0)
		body = ber.Append(body, ber.OctetString, attrs[i])
		body, set = ber.Begin(body, ber.Set, 0)
		body = ber.Append(body, ber.OctetString, attrs[i+1])
		body = ber.End(ber.End(body, set, 0), attr, 0)
	}
	return ber.End(body, list, 0)
}

// names returns the attribute descriptions of an entry, and its DN.
func names(t testing.TB, m ldap.Message) (dn string, attrs []string) {
	t.Helper()
	e, err := ldap.DecodeEntry(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return string(e.DN), attrs
		}
		attrs = append(attrs, string(a.Description))
	}
}

// script serves one message that upstream received.
type script func(c *upstreamConn, m ldap.Message)

// fake is an upstream directory that follows a script.
type fake struct {
	l      net.Listener
	script script
	wg     sync.WaitGroup
	quit   chan struct{}

	mu       sync.Mutex
	conns    map[*upstreamConn]struct{}
	accepted int
	seen     map[ber.Tag]int
}

type upstreamConn struct {
	net.Conn
	fake   *fake
	number int           // counts accepted connections from 1
	gone   chan struct{} // closed when the proxy closed the connection
	dn     string
}

func startFake(t *testing.T, s script) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{l: l, script: s, quit: make(chan struct{}), conns: map[*upstreamConn]struct{}{}, seen: map[ber.Tag]int{}}
	f.wg.Add(1)
	go f.accept()
	t.Cleanup(f.close)
	return f
}

func (f *fake) addr() string { return f.l.Addr().String() }

func (f *fake) accept() {
	defer f.wg.Done()
	for {
		conn, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.accepted++
		c := &upstreamConn{Conn: conn, fake: f, number: f.accepted, gone: make(chan struct{})}
		f.conns[c] = struct{}{}
		f.wg.Add(1)
		f.mu.Unlock()
		go c.serve()
	}
}

// serve reads messages and runs the script for each in a goroutine of its own
// kind: reading goes on, so that an abandon is seen while a search waits.
func (c *upstreamConn) serve() {
	f := c.fake
	defer f.wg.Done()
	defer c.Close()
	queue := make(chan ldap.Message, 1024)
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		for m := range queue {
			f.script(c, m)
		}
	}()
	defer close(queue)
	defer close(c.gone)
	for framer := ldap.NewFramer(c); ; {
		frame, err := framer.Next(1<<30, nil)
		if err != nil {
			return
		}
		m, err := ldap.ParseMessage(slices.Clone(frame))
		if err != nil {
			return
		}
		f.mu.Lock()
		f.seen[m.Op]++
		f.mu.Unlock()
		if m.Op == ldap.OpUnbindRequest {
			return
		}
		queue <- m
	}
}

func (f *fake) count(op ber.Tag) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[op]
}

func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted
}

// cut closes every connection, as a server that restarts.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close()
	}
}

func (f *fake) close() {
	f.mu.Lock()
	select {
	case <-f.quit:
	default:
		close(f.quit)
	}
	f.mu.Unlock()
	_ = f.l.Close()
	f.cut()
	f.wg.Wait()
}

// answer is the script of an honest directory: every password but ours is
// wrong, every search finds one entry.
func answer(c *upstreamConn, m ldap.Message) {
	switch m.Op {
	case ldap.OpBindRequest:
		c.answerBind(m)
	case ldap.OpSearchRequest:
		c.entry(m, jonDN, "uid", "jon.snow")
		c.done(m, ldap.Result{})
	case ldap.OpCompareRequest:
		c.result(m, ldap.Result{Code: ldap.CompareTrue})
	}
}

func (c *upstreamConn) answerBind(m ldap.Message) {
	b, err := ldap.DecodeBindRequest(m.Body)
	if err == nil && string(b.Password) == password {
		c.dn = b.Name
		c.result(m, ldap.Result{})
		return
	}
	c.result(m, ldap.Result{Code: ldap.InvalidCredentials, Diagnostic: "wrong"})
}

func (c *upstreamConn) write(b []byte) { _, _ = c.Write(b) }

func (c *upstreamConn) entry(m ldap.Message, dn string, attrs ...string) {
	c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entryBody(dn, attrs...), nil))
}

func (c *upstreamConn) done(m ldap.Message, res ldap.Result, controls ...ldap.Control) {
	c.write(ldap.AppendResult(nil, m.ID, ldap.OpSearchResultDone, &res, encodeControls(controls)))
}

func (c *upstreamConn) result(m ldap.Message, res ldap.Result) {
	c.write(ldap.AppendResult(nil, m.ID, ldap.ResponseOp(m.Op), &res, nil))
}

// wait blocks the script until release, or until the test is over.
func (c *upstreamConn) wait(release <-chan struct{}) {
	select {
	case <-release:
	case <-c.gone:
	case <-c.fake.quit:
	}
}

// decodeSearch decodes what upstream was asked.
func decodeSearch(m ldap.Message) (ldap.SearchRequest, []ldap.Control) {
	limits := ldap.Limits{Nesting: 100, FilterTerms: 10000, Controls: 100, Attributes: 1000}
	s, err := ldap.DecodeSearchRequest(string(m.Body), limits)
	if err != nil {
		panic(err)
	}
	list, err := ldap.DecodeControls(string(m.Controls), 100)
	if err != nil {
		panic(err)
	}
	return s, list
}

var manageDsaIT = ldap.Control{OID: ldap.OIDManageDsaIT}

// onceWith runs f the first time and remembers what it said.
func onceWith(f func(time.Duration) error) func(time.Duration) error {
	var (
		once sync.Once
		err  error
	)
	return func(d time.Duration) error {
		once.Do(func() { err = f(d) })
		return err
	}
}
