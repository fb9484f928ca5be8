package test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// request is one question, the same for every client.
type request struct {
	Compare bool
	Base    string
	Scope   int
	Filter  string
	Attrs   []string // nil: all user attributes; 1.1: none
	Size    int
	Time    int // seconds
	Types   bool

	Attr, Value string // of a compare
}

// search asks the whole users container, as Jamf does.
func search(filter string, attrs ...string) request {
	return request{Base: usersBase, Scope: goldap.ScopeWholeSubtree, Filter: filter, Attrs: attrs}
}

// read asks one entry.
func read(dn, filter string, attrs ...string) request {
	return request{Base: dn, Scope: goldap.ScopeBaseObject, Filter: filter, Attrs: attrs}
}

func compare(dn, attr, value string) request {
	return request{Compare: true, Base: dn, Attr: attr, Value: value}
}

func (q request) at(base string) request     { q.Base = base; return q }
func (q request) oneLevel() request          { q.Scope = goldap.ScopeSingleLevel; return q }
func (q request) limit(size int) request     { q.Size = size; return q }
func (q request) within(sec int) request     { q.Time = sec; return q }
func (q request) typesOnly() request         { q.Types = true; return q }
func (q request) asking(a ...string) request { q.Attrs = a; return q }

func (q request) String() string {
	if q.Compare {
		return fmt.Sprintf("compare %s %s=%s", q.Base, q.Attr, q.Value)
	}
	scope := [...]string{"base", "one", "sub"}[q.Scope]
	s := fmt.Sprintf("%s %q %s %v", scope, strings.TrimSuffix(q.Base, usersBase), q.Filter, q.Attrs)
	if q.Size > 0 {
		s += fmt.Sprintf(" size %d", q.Size)
	}
	if q.Time > 0 {
		s += fmt.Sprintf(" time %d", q.Time)
	}
	if q.Types {
		s += " types only"
	}
	return s
}

// answer is what came back, the same from every client. A client that cannot
// see matchedDN or the diagnostic message leaves it empty.
type answer struct {
	Code    int
	Matched string
	Text    string
	Entries []entry
}

type entry struct {
	DN    string
	Attrs map[string][]string
}

// wanted is an expected answer; its entries are whole, the request's
// attribute selection is applied when it is compared.
type wanted struct {
	Code    int
	Entries []entry
	// beyond marks an answer that is more than the view alone gives: a
	// tolerance, or a request that is not bridged.
	beyond bool
	// merge is the answer in mode merge, when it is another one.
	merge *wanted
}

func found(entries ...[]entry) wanted  { return wanted{Entries: slices.Concat(entries...)} }
func nothing() wanted                  { return wanted{} }
func code(n int) wanted                { return wanted{Code: n} }
func (w wanted) beyondTheView() wanted { w.beyond = true; return w }

func (w wanted) inMerge(other wanted) wanted { w.merge = &other; return w }

// in is the answer in the mode of a view.
func (w wanted) in(v view) wanted {
	if v.mode == mergeView.mode && w.merge != nil {
		return *w.merge
	}
	return w
}

// check compares an answer with what was wanted: result code, and entries
// with their attributes and values, in any order.
func check(t testing.TB, q request, got answer, want wanted) {
	t.Helper()
	if got.Code != want.Code {
		t.Errorf("%v\n  result code %d (%s), want %d; %d entries %v", q, got.Code, got.Text, want.Code, len(got.Entries), dnsOf(got.Entries))
		return
	}
	selected := make([]entry, 0, len(want.Entries))
	for _, e := range want.Entries {
		selected = append(selected, e.project(q))
	}
	entries := got.Entries
	if slices.Contains(q.Attrs, "entryUUID") {
		entries = withoutUUIDs(t, q, entries)
	}
	if diff := cmp.Diff(sorted(selected), sorted(entries)); diff != "" {
		t.Errorf("%v\n  entries differ (-want +got):\n%s", q, diff)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// withoutUUIDs takes the entryUUID off every entry: the directory invents it
// when it is loaded, so only its form is known.
func withoutUUIDs(t testing.TB, q request, entries []entry) []entry {
	t.Helper()
	var out []entry
	for _, e := range entries {
		if values := e.Attrs["entryUUID"]; len(values) != 1 || !uuidForm.MatchString(values[0]) {
			t.Errorf("%v\n  entryUUID of %s is %q, want one UUID", q, e.DN, values)
		}
		out = append(out, without(e, "entryUUID"))
	}
	return out
}

// project keeps what the request asked for. The names in the answer are
// spelled as in the directory, not as in the request.
func (e entry) project(q request) entry {
	out := entry{DN: e.DN, Attrs: map[string][]string{}}
	all := len(q.Attrs) == 0 || slices.Contains(q.Attrs, "*")
	for name, values := range e.Attrs {
		if all || slices.ContainsFunc(q.Attrs, func(a string) bool { return strings.EqualFold(a, name) }) {
			out.Attrs[name] = values
			if q.Types {
				out.Attrs[name] = []string{}
			}
		}
	}
	return out
}

func (e entry) with(name string, values ...string) entry {
	out := entry{DN: e.DN, Attrs: map[string][]string{name: values}}
	for n, v := range e.Attrs {
		if n != name {
			out.Attrs[n] = v
		}
	}
	return out
}

// sorted returns a copy in a fixed order, values included.
func sorted(entries []entry) []entry {
	out := make([]entry, 0, len(entries))
	for _, e := range entries {
		attrs := map[string][]string{}
		for n, v := range e.Attrs {
			v = append([]string{}, v...)
			slices.Sort(v)
			attrs[n] = v
		}
		out = append(out, entry{e.DN, attrs})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.DN, b.DN) })
	return out
}

// folded lower-cases attribute names, for requests that name them in odd case.
func folded(entries []entry) []entry {
	out := make([]entry, 0, len(entries))
	for _, e := range entries {
		attrs := map[string][]string{}
		for n, v := range e.Attrs {
			attrs[strings.ToLower(n)] = v
		}
		out = append(out, entry{e.DN, attrs})
	}
	return out
}

func dnsOf(entries []entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.DN)
	}
	slices.Sort(out)
	return out
}

// parseLDIF reads the subset of RFC 2849 that ldapsearch -o ldif-wrap=no and
// our data files use: comments, base64 values, no continuation lines.
func parseLDIF(t testing.TB, text string) []entry {
	t.Helper()
	var all []entry
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, " "):
			t.Fatalf("LDIF continuation line %q", line)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("LDIF line %q has no colon", line)
		}
		if encoded, is64 := strings.CutPrefix(value, ":"); is64 {
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
			if err != nil {
				t.Fatalf("LDIF line %q: %v", line, err)
			}
			value = string(b)
		} else {
			value = strings.TrimPrefix(value, " ")
		}
		if name == "dn" {
			all = append(all, entry{value, map[string][]string{}})
			continue
		}
		if len(all) == 0 {
			t.Fatalf("LDIF line %q before any dn", line)
		}
		last := all[len(all)-1]
		last.Attrs[name] = append(last.Attrs[name], value)
	}
	return all
}
