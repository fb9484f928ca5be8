package logging

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/lookup"
)

// newSlapdEncoder writes lookups as slapd's log level stats does, so that tools
// and eyes that know its lines read them: a line for the request, one for its
// attributes, one for the result.
//
//	conn=7 op=42 SRCH base="ou=Users" scope=2 deref=0 filter="(cn=got)"
//	conn=7 op=42 SRCH attr=cn gidNumber
//	conn=7 op=42 SEARCH RESULT tag=101 err=0 qtime=0.000050 etime=0.004100 nentries=1 text=
//	conn=7 op=42 PROXY kind=group bridged=posix rules=class upstream="(cn=x)"
//
// The last line is ours. It stands where there is something that slapd has no
// word for. In front of each line is the time, of the request or of its end.
//
// Where a record does not know what slapd writes: op is the number of the lookup
// in the process, not on its connection; deref is always 0 and method 128; an
// ABANDON does not say of what; connections are no lookups, so ACCEPT and closed
// are missing, and the PROXY line of a bind has the client's address.
func newSlapdEncoder() zapcore.Encoder {
	return &textEncoder{MapObjectEncoder: zapcore.NewMapObjectEncoder(), stamp: slapdTime, lookups: writeSlapd}
}

func slapdTime(t time.Time) string { return t.UTC().Format(timeLayout) }

func writeSlapd(b *buffer.Buffer, r *lookup.Record) {
	line := func(at time.Time, text string) {
		fmt.Fprintf(b, "%s conn=%d op=%d %s\n", slapdTime(at), r.Conn, r.ID, text)
	}
	end := r.Time.Add(r.Total)
	line(r.Time, slapdRequest(r))
	if r.Op == lookup.OpSearch && len(r.Attrs) > 0 {
		line(r.Time, "SRCH attr="+slapdAttrs(r.Attrs))
	}
	if r.Result != lookup.NoResult {
		line(end, slapdResult(r))
	}
	if notes := slapdNotes(r); len(notes) > 0 {
		line(end, "PROXY kind="+r.Kind+" "+strings.Join(notes, " "))
	}
}

func slapdRequest(r *lookup.Record) string {
	switch r.Op {
	case lookup.OpBind:
		return "BIND dn=" + slapdQuoted(r.BindDN, maxText) + " method=128"
	case lookup.OpSearch:
		return fmt.Sprintf("SRCH base=%s scope=%d deref=0 filter=%s",
			slapdQuoted(r.Base, maxText), slapdScopes[r.Scope], slapdQuoted(r.Filter, maxFilter))
	case lookup.OpCompare:
		return "CMP dn=" + slapdQuoted(r.Base, maxText) + " attr=" + slapdQuoted(r.Name, maxName)
	case lookup.OpExtended:
		return "EXT oid=" + slapdWord(r.Name)
	case lookup.OpAdd, lookup.OpModify, lookup.OpDelete, lookup.OpModifyDN:
		return slapdOps[r.Op].verb + " dn=" + slapdQuoted(r.Base, maxText)
	}
	return strings.ToUpper(r.Op)
}

// slapdOps are slapd's words for writes, and the tags of all responses in the
// form in which slapd prints them.
var slapdOps = map[string]struct {
	verb string
	tag  int
}{
	lookup.OpBind: {"BIND", 97}, lookup.OpSearch: {"SRCH", 101}, lookup.OpModify: {"MOD", 103}, lookup.OpAdd: {"ADD", 105},
	lookup.OpDelete: {"DEL", 107}, lookup.OpModifyDN: {"MODRDN", 109}, lookup.OpCompare: {"CMP", 111},
	lookup.OpUnknown: {"UNKNOWN", 120}, // answered with a notice of disconnection
}

var slapdScopes = map[string]int{"base": 0, "one": 1, "sub": 2, "children": 3}

func slapdResult(r *lookup.Record) string {
	what, entries := fmt.Sprintf("RESULT tag=%d", slapdOps[r.Op].tag), ""
	switch r.Op {
	case lookup.OpSearch:
		what, entries = "SEARCH "+what, fmt.Sprintf(" nentries=%d", r.Entries)
	case lookup.OpExtended:
		what = "RESULT oid="
	}
	return fmt.Sprintf("%s err=%d qtime=%.6f etime=%.6f%s text=%s",
		what, r.Result, r.Queue.Seconds(), r.Total.Seconds(), entries, lookup.Clip(r.Diagnostic, maxText))
}

func slapdAttrs(names []string) string {
	clipped := make([]string, min(len(names), maxItems))
	for i := range clipped {
		clipped[i] = slapdWord(names[i])
	}
	if len(names) > maxItems {
		clipped = append(clipped, "…")
	}
	return strings.Join(clipped, " ")
}

// slapdNotes are what the proxy knows and slapd has no place for.
func slapdNotes(r *lookup.Record) []string {
	var notes []string
	note := func(key, value string) { notes = append(notes, key+"="+value) }
	if r.Op == lookup.OpBind {
		note("client", r.ClientAddr)
	}
	if r.Op == lookup.OpCompare {
		note("assertion", slapdQuoted(r.Filter, maxFilter))
	}
	if r.Bridged {
		note("bridged", r.Mode)
	}
	if len(r.Rules) > 0 {
		note("rules", strings.Join(r.Rules, ","))
	}
	if fromCache(r) {
		note("cache", r.Cache)
	}
	if len(r.Hints) > 0 {
		note("hints", slapdQuoted(strings.Join(r.Hints, "; "), maxText))
	}
	if u := &r.Upstream; !u.IsZero() && u.Filter != r.Filter {
		note("upstream", slapdQuoted(u.Filter, maxFilter))
	}
	if u := &r.Upstream; !u.IsZero() && u.Base != r.Base {
		note("upstream_base", slapdQuoted(u.Base, maxText))
	}
	return notes
}

// slapdWord is a name without quotes around it, which has to stay one word.
func slapdWord(s string) string {
	return strings.ReplaceAll(slapdEscaped.Replace(lookup.Clip(s, maxName)), " ", `\x20`)
}

// slapdQuoted puts a text between quotes that it cannot end: a quote in it is
// written as \22, which means the same in a filter and in a DN.
func slapdQuoted(s string, limit int) string {
	return `"` + slapdEscaped.Replace(lookup.Clip(s, limit)) + `"`
}

var slapdEscaped = strings.NewReplacer(`\\`, `\\`, `\"`, `\22`, `"`, `\22`)
