package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/rewrite"
)

// full is a server that has all there is to show, these lookups among it. They are
// in the journal too, as rows 101 and up.
func full(t *testing.T, records ...*lookup.Record) web.Options {
	t.Helper()
	shapes := lookup.NewShapes(clock)
	for _, r := range records {
		shapes.Write(r)
	}
	return web.Options{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		Ring:    ringOf(records...), Shapes: shapes, Past: &past{records: records}, Now: clock, Rules: rulesOf(t),
		Groups: func() web.Groups { return someGroups }, Health: func() web.Health { return someHealth },
		Try:  func(net.Addr) simulate.Dialer { return func(context.Context) (net.Conn, error) { return nil, errTest } },
		Site: site,
	}
}

var site = web.Site{Version: "v1.2.3", Mode: "posix", Base: base, ProxyURL: "ldap://127.0.0.1:1389"}

type rewriteConfig = rewrite.Config

func rulesOf(t *testing.T, change ...func(*rewriteConfig)) func() *rewrite.Rules {
	t.Helper()
	c := rewrite.DefaultConfig()
	c.Base = base
	c.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}}
	for _, f := range change {
		f(&c)
	}
	rules, err := rewrite.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return func() *rewrite.Rules { return rules }
}

var someGroups = web.Groups{
	Mode: "posix",
	Discovery: web.Discovery{
		Enabled: true, Outcome: "unreachable", LastSuccess: noon.Add(-time.Hour), LastAttempt: noon, Error: "dialing: refused", Try: "open the port",
	},
	Pairs: []web.Pair{
		{Legacy: "gameOfThrones", Posix: "got", GID: 7001, Members: 8, Why: "configured"},
		{Legacy: `The "A" Team <b>`, Posix: "ateam", Why: "same members", Try: "give it a number"},
	},
	Ambiguous: []web.Ambiguity{{
		Legacy: []web.Group{{Name: "one", Members: 2}, {Name: "two", Members: 2}}, Posix: []web.Group{{Name: "three", GID: 7, Members: 2}},
		Why: "same members", Try: "write a pair",
	}},
	NoLinux:  []web.Group{{Name: "CarWash", Members: 3, Why: "no group is like it", Try: "tick the box"}},
	NoLegacy: []web.Group{{Name: "docker", GID: 999, Members: 1, Why: "no group is like it", Try: "leave it"}},
	Warnings: []string{"two groups have the name x"},
}

var someHealth = web.Health{
	Version: "v1.2.3", Started: noon.Add(-3 * time.Hour), Config: "/etc/proxy.yaml", Warnings: []string{"passwords travel readable"},
	Clients: 3, Lookups: 12345, HeldBack: 2, Watching: 1,
	Listeners: []web.Listener{
		{Address: "127.0.0.1:1389", Protocol: "ldap"}, {Address: "0.0.0.0:1636", Protocol: "ldaps", CertExpires: noon.AddDate(0, 0, 9)},
	},
	Upstream: []web.Upstream{
		{Server: "ldaps://ldap.jumpcloud.com:636", State: "up", CertExpires: noon.AddDate(0, 2, 0), Leased: 1, Idle: 2, Spare: 3, Dialing: 4},
		{Server: "ldaps://other.example.com:636", State: "down", Error: "no route to host"},
		{Server: "ldaps://third.example.com:636", State: "suspect"}, {Server: "ldaps://fourth.example.com:636", State: "unknown"},
	},
	Connections: web.Connections{Open: 10, Max: 100},
	Cache:       web.Cache{Enabled: true, Entries: 5, Bytes: 2048, MaxBytes: 64 << 20, Evictions: 6},
	Sinks:       []lookup.LaneStatus{{Sink: "log", Queued: 1}, {Sink: "page", Dropped: 2}},
	Journal: &journal.Status{
		Path: "/var/lib/journal.db", Working: true, Error: "disk full", Rows: 9, Bytes: 4096, Oldest: noon.AddDate(0, 0, -14), MaxBytes: 1 << 30,
	},
}

// past is a journal in memory.
type past struct {
	records []*lookup.Record // the oldest first
	err     error
	limited bool // every call came with a deadline
	asked   int
}

const firstRow = 101

func (p *past) note(ctx context.Context) {
	_, limited := ctx.Deadline()
	p.limited = limited && (p.limited || p.asked == 0)
	p.asked++
}

func (p *past) Select(ctx context.Context, q lookup.Query, limit int, before int64) ([]journal.Entry, error) {
	p.note(ctx)
	if p.err != nil {
		return nil, p.err
	}
	var found []journal.Entry
	for i, r := range slices.Backward(p.records) {
		row := int64(firstRow + i)
		if (before == 0 || row < before) && q.Match(r) && len(found) < limit {
			found = append(found, journal.Entry{Row: row, Record: r})
		}
	}
	return found, nil
}

func (p *past) Find(ctx context.Context, row int64) (*lookup.Record, error) {
	p.note(ctx)
	if p.err != nil {
		return nil, p.err
	}
	if i := row - firstRow; i >= 0 && i < int64(len(p.records)) {
		return p.records[i], nil
	}
	return nil, nil
}

// outcomes are a lookup of every kind that a page shows in another way.
func outcomes() []*lookup.Record {
	change := func(id uint64, f func(*lookup.Record)) *lookup.Record { return changed(plain(id), f) }
	return []*lookup.Record{
		change(1, func(r *lookup.Record) { // a login
			*r = lookup.Record{Time: r.Time, ID: r.ID, Conn: 7, ClientAddr: r.ClientAddr, BindDN: r.BindDN, Op: lookup.OpBind, Kind: lookup.KindBind, ResultName: "success", Upstream: r.Upstream}
			r.Upstream.Base, r.Upstream.Filter = "", ""
		}),
		change(2, func(r *lookup.Record) {
			*r = lookup.Record{Time: r.Time, ID: r.ID, Conn: 7, BindDN: r.BindDN, Op: lookup.OpBind, Kind: lookup.KindBind, Result: 49, ResultName: "invalidCredentials", Diagnostic: "no"}
		}),
		membership(3),
		change(4, func(r *lookup.Record) { r.Entries, r.Hints = 0, []string{"unknown-group"} }),
		change(5, func(r *lookup.Record) {
			r.Result, r.ResultName, r.Entries, r.Total = 52, "unavailable", 0, 3*time.Second
		}),
		change(6, func(r *lookup.Record) {
			r.Op, r.Kind, r.Base, r.Scope = lookup.OpCompare, lookup.KindMembership, "cn=gameOfThrones,"+base, ""
			r.Filter, r.Name, r.Result, r.ResultName = "(memberUid=jon.snow)", "memberUid", 6, "compareTrue"
		}),
		change(7, func(r *lookup.Record) { r.Cache, r.Upstream = lookup.CacheHit, lookup.UpstreamPart{} }),
		change(8, func(r *lookup.Record) { r.Result, r.ResultName = lookup.NoResult, "" }),
		{Time: noon.AddDate(0, 0, -1), ID: 9, Conn: 7, Op: lookup.OpUnbind, Kind: lookup.KindOther, Result: lookup.NoResult},
		{Time: noon, ID: 10, Op: lookup.OpExtended, Kind: lookup.KindOther, Name: "1.3.6.1.4.1.4203.1.11.3", ResultName: "success"},
		{Time: noon, ID: 11, Op: lookup.OpSearch, Kind: lookup.KindRootDSE, Scope: "base", Filter: "(objectClass=*)", Entries: 1, ResultName: "success"},
		{Time: noon, ID: 12, Op: lookup.OpModify, Kind: lookup.KindOther, Base: "cn=x," + base, Result: 53, ResultName: "unwillingToPerform", Diagnostic: "read-only proxy"},
		{Time: noon, ID: 13, Op: lookup.OpUnknown, Kind: lookup.KindOther, Result: 2, ResultName: "protocolError"},
	}
}

// evil is a lookup in which every text that comes from a client or a directory wants
// to be more than text.
func evil(id uint64) *lookup.Record {
	const text = "</tr></code>\r\n\r\ndata: x\revent: lookups\u2028\u2029<script id=evil>alert(1)</script>\" onmouseover=\"alert(1)\"' style='x {{.}}\x00\x1b[201~\u202e%0a"
	const filter = `(cn=</tr><script id=evil>alert\281\29</script>" onmouseover="alert\281\29)`
	return &lookup.Record{
		Time: noon, ID: id, Conn: 666, ClientAddr: "10.0.0.66:1", ClientKind: lookup.ClientOther, BindDN: "uid=" + text,
		Op: lookup.OpSearch, Kind: lookup.KindOther, Base: text, Scope: "sub", Filter: filter,
		Attrs: []string{text, "-H", "ldap://evil.example.com"}, Controls: []string{text}, Name: text,
		Upstream: lookup.UpstreamPart{Server: "ldap://127.0.0.1:389", Base: text + "2", Filter: filter, Attrs: []string{text + "2"}},
		Bridged:  true, Mode: "posix", Rules: []string{"member-dn"}, Hints: []string{"unknown-group: " + text}, Cache: lookup.CacheMiss,
		Result: 80, ResultName: "other", Diagnostic: text,
	}
}

var errGone = errors.New("the disk\nis gone")
