package logging_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
)

var slapdFormat = logging.Options{Format: logging.FormatSlapd, Terminal: true, Color: true}

func slapdRecords() []*lookup.Record {
	at := groupSearch().Time
	record := func(r lookup.Record) *lookup.Record {
		r.Time, r.Conn, r.ID, r.ClientAddr, r.Total = at, 7, 42, "10.0.0.5:40112", 1500*time.Microsecond
		return &r
	}
	missed, cached := groupSearch(), groupSearch()
	missed.Entries, missed.Rules, missed.Attrs = 0, nil, nil
	missed.Hints = []string{"unknown-group", `uid-case: no group holds "jon"`}
	missed.Upstream.Base, missed.Diagnostic = "cn=got,"+base, "what upstream said"
	cached.Cache, cached.Upstream, cached.Bridged, cached.Rules = lookup.CacheHit, lookup.UpstreamPart{}, false, nil
	return []*lookup.Record{
		record(lookup.Record{Op: lookup.OpBind, Kind: lookup.KindBind, BindDN: "uid=jamf," + base, ResultName: "success", Upstream: lookup.UpstreamPart{Server: "s"}}),
		groupSearch(),
		missed,
		cached,
		record(lookup.Record{Op: lookup.OpSearch, Kind: lookup.KindRootDSE, Scope: "base", Filter: "(objectClass=*)", Entries: 1}),
		record(lookup.Record{
			Op: lookup.OpSearch, Kind: lookup.KindUser, Base: base, Scope: "one", Filter: "(uid=x)", Attrs: []string{"uid", "+"},
			Result: 52, Diagnostic: "upstream directory is unavailable", Queue: time.Millisecond, Upstream: lookup.UpstreamPart{Server: "s", Base: base, Filter: "(uid=x)"},
		}),
		record(lookup.Record{Op: lookup.OpSearch, Kind: lookup.KindUser, Base: base, Scope: "children", Filter: "(uid=x)", Result: lookup.NoResult}),
		record(lookup.Record{Op: lookup.OpCompare, Kind: lookup.KindMembership, Base: "cn=got," + base, Name: "memberUid", Filter: "(memberUid=jon.snow)", Result: 6}),
		record(lookup.Record{Op: lookup.OpExtended, Kind: lookup.KindOther, Name: "1.3.6.1.4.1.4203.1.11.3"}),
		record(lookup.Record{Op: lookup.OpModify, Kind: lookup.KindOther, Base: "cn=got," + base, Result: 53, Diagnostic: "read-only proxy"}),
		record(lookup.Record{Op: lookup.OpDelete, Kind: lookup.KindOther, Base: "cn=got," + base, Result: 53}),
		record(lookup.Record{Op: lookup.OpAbandon, Kind: lookup.KindOther, Result: lookup.NoResult}),
		record(lookup.Record{Op: lookup.OpUnbind, Kind: lookup.KindOther, Result: lookup.NoResult}),
		record(lookup.Record{Op: lookup.OpUnknown, Kind: lookup.KindOther, Result: 2, Diagnostic: "unknown operation"}),
	}
}

// B stands for the base, T for the time of the request, and E for its end.
const slapdGolden = `
T BIND dn="uid=jamf,B" method=128
E RESULT tag=97 err=0 qtime=0.000000 etime=0.001500 text=
E PROXY kind=bind client=10.0.0.5:40112
T SRCH base="B" scope=2 deref=0 filter="(&(objectClass=groupOfNames)(cn=gameOfThrones))"
T SRCH attr=cn gidNumber
F SEARCH RESULT tag=101 err=0 qtime=0.000050 etime=0.004100 nentries=1 text=
F PROXY kind=group bridged=posix rules=class,member-dn upstream="(&(objectClass=posixGroup)(cn=got))"
T SRCH base="B" scope=2 deref=0 filter="(&(objectClass=groupOfNames)(cn=gameOfThrones))"
F SEARCH RESULT tag=101 err=0 qtime=0.000050 etime=0.004100 nentries=0 text=what upstream said
F PROXY kind=group bridged=posix hints="unknown-group; uid-case: no group holds \22jon\22" upstream="(&(objectClass=posixGroup)(cn=got))" upstream_base="cn=got,B"
T SRCH base="B" scope=2 deref=0 filter="(&(objectClass=groupOfNames)(cn=gameOfThrones))"
T SRCH attr=cn gidNumber
F SEARCH RESULT tag=101 err=0 qtime=0.000050 etime=0.004100 nentries=1 text=
F PROXY kind=group cache=hit
T SRCH base="" scope=0 deref=0 filter="(objectClass=*)"
E SEARCH RESULT tag=101 err=0 qtime=0.000000 etime=0.001500 nentries=1 text=
T SRCH base="B" scope=1 deref=0 filter="(uid=x)"
T SRCH attr=uid +
E SEARCH RESULT tag=101 err=52 qtime=0.001000 etime=0.001500 nentries=0 text=upstream directory is unavailable
T SRCH base="B" scope=3 deref=0 filter="(uid=x)"
T CMP dn="cn=got,B" attr="memberUid"
E RESULT tag=111 err=6 qtime=0.000000 etime=0.001500 text=
E PROXY kind=membership assertion="(memberUid=jon.snow)"
T EXT oid=1.3.6.1.4.1.4203.1.11.3
E RESULT oid= err=0 qtime=0.000000 etime=0.001500 text=
T MOD dn="cn=got,B"
E RESULT tag=103 err=53 qtime=0.000000 etime=0.001500 text=read-only proxy
T DEL dn="cn=got,B"
E RESULT tag=107 err=53 qtime=0.000000 etime=0.001500 text=
T ABANDON
T UNBIND
T UNKNOWN
E RESULT tag=120 err=2 qtime=0.000000 etime=0.001500 text=unknown operation
`

func TestSlapdLinesOfLookups(t *testing.T) {
	got := logged(t, slapdFormat, func(_ *zap.Logger, s lookup.Sink) {
		for _, r := range slapdRecords() {
			s.Write(r)
		}
	})
	for mark, prefix := range map[string]string{
		"T ": "2026-03-01T20:14:03.123456Z conn=7 op=42 ", "E ": "2026-03-01T20:14:03.124956Z conn=7 op=42 ", "F ": "2026-03-01T20:14:03.127556Z conn=7 op=42 ",
	} {
		got = strings.ReplaceAll("\n"+got, "\n"+prefix, "\n"+mark)[1:]
	}
	got = strings.ReplaceAll(got, base, "B")
	if diff := cmp.Diff(strings.Split(slapdGolden[1:], "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("slapd (-want +got):\n%s", diff)
	}
}

// These are lines of OpenLDAP 2.5 at log level stats; what is not in every
// record here is left out.
func TestSlapdLinesAreThoseOfSlapd(t *testing.T) {
	got := logged(t, slapdFormat, func(_ *zap.Logger, s lookup.Sink) {
		for _, r := range slapdRecords() {
			s.Write(r)
		}
	})
	number := regexp.MustCompile(`(conn|op|qtime|etime|nentries|err)=[0-9.]+|dn="[^"]*"|base="[^"]*"|filter=".*"|oid=[0-9.]+|text=.*|attr=[a-zA-Z +]+`)
	form := func(line string) string { return number.ReplaceAllString(line, "?") }
	var forms []string
	for line := range strings.Lines(got) {
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		forms = append(forms, form(line))
	}
	for _, line := range []string{
		`conn=1000 op=0 BIND dn="uid=jamf.ldap,ou=Users" method=128`,
		`conn=1000 op=0 RESULT tag=97 err=0 qtime=0.000014 etime=0.000157 text=`,
		`conn=1000 op=1 SRCH base="ou=Users" scope=2 deref=0 filter="(&(objectClass=groupOfNames)(cn=a"b*))"`,
		`conn=1000 op=1 SRCH attr=cn gidNumber`,
		`conn=1000 op=1 SEARCH RESULT tag=101 err=0 qtime=0.000011 etime=0.000218 nentries=0 text=`,
		`conn=1000 op=2 UNBIND`,
		`conn=1002 op=1 CMP dn="cn=got,ou=Users" attr="memberUid"`,
		`conn=1002 op=1 RESULT tag=111 err=6 qtime=0.000012 etime=0.000087 text=`,
		`conn=1003 op=1 EXT oid=1.3.6.1.4.1.4203.1.11.3`,
		`conn=1003 op=1 RESULT oid= err=0 qtime=0.000008 etime=0.000064 text=`,
		`conn=1006 op=1 DEL dn="cn=got,ou=Users"`,
		`conn=1006 op=1 RESULT tag=107 err=53 qtime=0.000009 etime=0.000082 text=operation restricted`,
		`conn=1007 op=1 MOD dn="cn=got,ou=Users"`,
	} {
		if !slices.Contains(forms, form(line)) {
			t.Errorf("no line has the form of %s", line)
		}
	}
}

func TestSlapdLinesOfTheProgram(t *testing.T) {
	got := logged(t, slapdFormat, func(l *zap.Logger, _ lookup.Sink) {
		l = l.With(zap.String("listener", "127.0.0.1:1389"))
		l.Warn("reloading failed", zap.Error(errors.New("reading proxy.yaml: no such\nfile")))
	})
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z warn  reloading failed listener=127\.0\.0\.1:1389 error="reading proxy\.yaml: no such\\\\x0afile"\n$`)
	if !want.MatchString(got) {
		t.Errorf("the log says %q", got)
	}
}

// No text of a client ends a line, or the quotes around it.
func TestSlapdLinesOfHostileLookups(t *testing.T) {
	hostile := "x\" err=0 x=\n2026-03-01T20:14:03.123456Z conn=1 op=1 UNBIND\x1b[2J\xff" + strings.Repeat("(cn=ö)", 100_000)
	for _, op := range lookup.Ops() {
		r := &lookup.Record{
			Op: op, Kind: lookup.KindOther, BindDN: hostile, Base: hostile, Filter: hostile, Name: hostile, Diagnostic: hostile,
			Attrs: slices.Repeat([]string{hostile}, 1000), Hints: []string{hostile}, Upstream: lookup.UpstreamPart{Base: hostile + "x", Filter: "(" + hostile},
		}
		got := logged(t, slapdFormat, func(_ *zap.Logger, s lookup.Sink) { s.Write(r) })
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		if len(lines) > 4 || len(got) > 40_000 {
			t.Errorf("%s: %d lines, %d bytes", op, len(lines), len(got))
		}
		for _, line := range lines {
			request, _, _ := strings.Cut(line, " text=")
			if !strings.HasPrefix(line, "0001-01-01T00:00:00.000000Z conn=0 op=0 ") || strings.ContainsAny(line, "\x1b\uFFFD") || !utf8.ValidString(line) ||
				strings.Count(request, `"`)%2 != 0 || strings.Contains(request, `x" err`) {
				t.Errorf("%s: %.300q", op, line)
			}
		}
		if op == lookup.OpSearch && (len(lines) != 4 || len(strings.Fields(lines[1])) != 4+64+1) {
			t.Errorf("attributes are not words of their own: %d lines, %.300q", len(lines), lines[1])
		}
	}
}

// An escaped quote keeps its meaning, and an escaped backslash in front of a quote too.
func TestSlapdQuotes(t *testing.T) {
	for dn, want := range map[string]string{`cn=a"b`: `cn=a\22b`, `cn=a\"b`: `cn=a\22b`, `cn=a\\"b`: `cn=a\\\22b`, `cn=a\\b\2cc`: `cn=a\\b\2cc`} {
		got := logged(t, slapdFormat, func(_ *zap.Logger, s lookup.Sink) {
			s.Write(&lookup.Record{Op: lookup.OpModify, Base: dn, Result: lookup.NoResult})
		})
		if !strings.HasSuffix(got, ` MOD dn="`+want+"\"\n") {
			t.Errorf("%s is written in %s", dn, got)
		}
	}
}
