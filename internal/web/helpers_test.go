package web_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// patience is longer than a loaded machine takes for anything.
const patience = 30 * time.Second

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
	return startOn(t, listen(t), o)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func startOn(t *testing.T, l net.Listener, o web.Options, change ...func(*web.Server)) *fixture {
	f := &fixture{
		t: t, url: "http://" + l.Addr().String(), server: web.New(l, o),
		client: &http.Client{Transport: &http.Transport{}}, served: make(chan error, 1),
	}
	for _, c := range change {
		c(f.server)
	}
	go func() { f.served <- f.server.Serve() }()
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-f.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// request makes a request; header is pairs of a name and a value.
func (f *fixture) request(method, path, body string, header ...string) *http.Request {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	f.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// do sends a request and returns the answer with its body.
func (f *fixture) do(r *http.Request) (*http.Response, string) {
	f.t.Helper()
	answer, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer, string(body)
}

func (f *fixture) get(path string, header ...string) (*http.Response, string) {
	f.t.Helper()
	return f.do(f.request("GET", path, "", header...))
}

func (f *fixture) expect(method, path string, status int, body string) {
	f.t.Helper()
	answer, got := f.do(f.request(method, path, ""))
	if answer.StatusCode != status || got != body {
		f.t.Errorf("%s %s: %d %q, want %d %q", method, path, answer.StatusCode, got, status, body)
	}
}

// await tries until ok, which must come true by itself.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// logBook is a log that tests read.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBook) logger() *log.Logger { return log.New(b, "", 0) }

// ringOf returns a ring with these lookups, in this order.
func ringOf(records ...*lookup.Record) *lookup.Ring {
	ring := lookup.NewRing(nil)
	for _, r := range records {
		ring.Write(r)
	}
	return ring
}

const base = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"

// membership is a bridged question of Jamf, with a hint, as the proxy records it.
func membership(id uint64) *lookup.Record {
	return &lookup.Record{
		Time: noon.Add(time.Duration(id) * time.Millisecond), ID: id, Conn: 7, ClientAddr: "10.0.0.7:50001", ClientKind: lookup.ClientJNDI,
		BindDN: "uid=jamf.ldap," + base, Op: lookup.OpSearch, Kind: lookup.KindMembership, Base: base, Scope: "sub",
		Filter: "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=jon.snow))", Attrs: []string{"cn", "gidNumber"},
		Controls: []string{"2.16.840.1.113730.3.4.2"}, SizeLimit: 100, TimeLimit: 61,
		Upstream: lookup.UpstreamPart{
			Server: "ldaps://ldap.jumpcloud.com:636", Base: base, Duration: 40 * time.Millisecond, Reused: true,
			Filter: "(&(objectClass=posixGroup)(|(cn=got)(cn=gameOfThrones))(memberUid=jon.snow))", Attrs: []string{"cn", "gidNumber"},
		},
		Bridged: true, Mode: "posix", Rules: []string{"group-class", "group-name", "member-name"},
		Hints: []string{"username-where-dn: member=jon.snow"}, Cache: lookup.CacheMiss, Entries: 1, Bytes: 312,
		ResultName: "success", Total: 50 * time.Millisecond, Queue: 5 * time.Millisecond,
	}
}

// plain is a lookup that is neither translated nor remarkable.
func plain(id uint64) *lookup.Record {
	return &lookup.Record{
		Time: noon.Add(time.Duration(id) * time.Millisecond), ID: id, Conn: 7, ClientAddr: "10.0.0.7:50001", ClientKind: lookup.ClientJNDI,
		BindDN: "uid=jamf.ldap," + base, Op: lookup.OpSearch, Kind: lookup.KindUser, Base: base, Scope: "sub",
		Filter: "(&(objectClass=inetOrgPerson)(uid=arya.stark))", Mode: "posix", Cache: lookup.CacheOff, Entries: 1, ResultName: "success",
		Upstream: lookup.UpstreamPart{
			Server: "ldaps://ldap.jumpcloud.com:636", Base: base, Duration: time.Millisecond,
			Filter: "(&(objectClass=inetOrgPerson)(uid=arya.stark))",
		},
		Total: 2 * time.Millisecond,
	}
}

// noon is when the lookups of these tests were, and clock the time of the page.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)

func clock() time.Time { return noon.Add(time.Minute) }

// changed returns r with a change.
func changed(r *lookup.Record, change func(*lookup.Record)) *lookup.Record {
	change(r)
	return r
}

var errTest = errors.New("the test says no")
