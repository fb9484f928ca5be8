package journal

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/lookup"
)

// longWait is how long a test waits for what has to happen.
const longWait = 30 * time.Second

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

// rig is a journal with everything around it that a test looks at.
type rig struct {
	*Journal
	t      tester
	logs   *observer.ObservedLogs
	stored chan int // receives the size of each batch that was written
	lost   chan int
	errors chan struct{}
}

// newRig opens a journal that writes at once and closes it with the test.
func newRig(t tester, cfg Config, change func(*Options)) *rig {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	r := &rig{t: t, logs: logs, stored: make(chan int, 1<<16), lost: make(chan int, 1<<16), errors: make(chan struct{}, 1<<16)}
	o := Options{Logger: zap.New(core), OnLost: func(n int) { r.lost <- n }, OnError: func() { r.errors <- struct{}{} }}
	o.internal.gather = time.Millisecond
	o.internal.stored = func(n int) { r.stored <- n }
	if change != nil {
		change(&o)
	}
	r.Journal = Open(cfg, o)
	t.Cleanup(func() { r.end() })
	return r
}

func (r *rig) end() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longWait)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

// write writes records and waits until each is stored or lost.
func (r *rig) write(records ...*lookup.Record) (stored, lost int) {
	r.t.Helper()
	for _, rec := range records {
		r.Journal.Write(rec)
	}
	return r.await(len(records))
}

// await waits until n more records are stored or lost.
func (r *rig) await(n int) (stored, lost int) {
	r.t.Helper()
	timeout := time.After(longWait)
	for stored+lost < n {
		select {
		case n := <-r.stored:
			stored += n
		case n := <-r.lost:
			lost += n
		case <-timeout:
			r.t.Fatalf("of %d records %d were stored and %d lost", n, stored, lost)
		}
	}
	return stored, lost
}

func (r *rig) all() []Entry {
	r.t.Helper()
	entries, err := r.Select(r.t.Context(), lookup.Query{}, 1<<30, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return entries
}

func testConfig(t testing.TB) Config {
	c := DefaultConfig()
	c.Path = filepath.Join(t.TempDir(), "journal.db")
	c.MaxBytes = 64 * bytesize.MiB
	return c
}

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// sample is lookup number i of a Jamf server that visits users one after the other
// and asks for their groups.
func sample(i int) *lookup.Record {
	const base = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	user := fmt.Sprintf("user.name%d", i/5*7919%5000)
	group := fmt.Sprintf("Group %d", i*31%300)
	r := &lookup.Record{
		Time: noon.Add(time.Duration(i) * 5 * time.Millisecond), ID: uint64(i + 1), Conn: uint64(i/1000 + 1),
		ClientAddr: "10.1.2.3:51234", ClientKind: lookup.ClientJNDI, BindDN: "uid=jamf.ldap," + base,
		Op: lookup.OpSearch, Base: base, Scope: "sub", Controls: []string{"2.16.840.1.113730.3.4.2"},
		Bridged: true, Mode: "posix", Rules: []string{"class", "member-dn"}, Cache: lookup.CacheOff, ResultName: "success",
		Entries: 1, Bytes: 420, Total: 24567 * time.Microsecond, Queue: 12 * time.Microsecond,
	}
	switch i % 5 {
	case 0:
		r.Kind, r.Filter, r.Attrs = lookup.KindUser, "(&(uid="+user+")(objectClass=inetOrgPerson))", []string{"uid", "cn", "mail", "sn", "givenName", "entryUUID"}
		r.Bridged, r.Rules = false, nil
	case 1:
		r.Kind, r.Filter, r.Attrs = lookup.KindUserGroups, "(&(objectClass=groupOfNames)(member=uid="+user+","+base+"))", []string{"cn", "gidNumber", "entryUUID"}
	default:
		r.Kind, r.Filter, r.Attrs = lookup.KindMembership, "(&(cn="+group+")(objectClass=groupOfNames)(member=uid="+user+","+base+"))", []string{"1.1"}
		r.Entries = i % 2
	}
	r.Upstream = lookup.UpstreamPart{
		Server: "ldaps://ldap.jumpcloud.com:636", Base: base, Filter: "(&(objectClass=posixGroup)(memberUid=" + user + "))",
		Attrs: r.Attrs, Duration: 23456 * time.Microsecond, Reused: true,
	}
	if i%200 == 0 {
		r.Result, r.ResultName, r.Entries = 52, "unavailable", 0
	}
	if i%50 == 0 {
		r.Hints = []string{"username-where-dn: member=" + user}
	}
	return r
}

func samples(n int) []*lookup.Record {
	list := make([]*lookup.Record, n)
	for i := range list {
		list[i] = sample(i)
	}
	return list
}

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock(at time.Time) *clock { return &clock{at: at} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}
