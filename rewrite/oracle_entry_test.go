package rewrite_test

// Single entries, whatever is in them, held against the oracle's view.

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// FuzzEntry: what a client gets for a group entry is the group of the view; of octets that
// are no entry, or one that no directory holds, it gets a whole message or nothing.
func FuzzEntry(f *testing.F) {
	for _, e := range sample {
		for which := range byte(16) {
			f.Add(e.encode(), which)
		}
	}
	f.Add([]byte("\x04\x04cn=x\x30\x80"), byte(0))
	f.Add([]byte("\x04\x82\x00\x04cn=x\x30\x84\x00\x00\x00\x00"), byte(1))
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		o, req := entryCase(which)
		plan := compile(t, o.Config).Search(&req)
		upstream, err := decodeEntry(body)
		if err != nil || !o.storedGroup(upstream) {
			checkOddEntry(t, plan, body)
			return
		}
		sent := body
		if got := upstream.selected(&plan.Request); !cmp.Equal(got, upstream, cmp.AllowUnexported(entry{}, attribute{})) {
			sent = got.encode()
		}
		want := answer{}
		for _, e := range o.view(directory{upstream}) {
			want.entries = append(want.entries, e.selected(&req))
		}
		got := answer{}
		if e, kept := appendEntry(t, plan, sent); kept {
			got.entries = append(got.entries, e)
		}
		if diff := cmp.Diff(canonical(t, want), canonical(t, got)); diff != "" {
			t.Fatalf("%s%s\n%s\nentry (-oracle +fast path):\n%s", describe(o.Config, directory{upstream}), showSearch(&req), showSearch(&plan.Request), diff)
		}
	})
}

// entryCase makes a configuration and a request for all groups.
func entryCase(which byte) (oracle, ldap.SearchRequest) {
	o := sampleOracle()
	if which&1 != 0 {
		o.Mode = rewrite.ModeMerge
	}
	o.StableUUID = which&2 != 0
	attributes := [][]string{nil, {"*", "+"}, {"cn", "member", "gidNumber"}, {"memberUid", "entryUUID", "objectClass"}}
	return o, ldap.SearchRequest{
		Base: usersBase, Scope: ldap.ScopeSubtree, Filter: ldap.Equal("objectClass", o.LegacyClass),
		Attributes: attributes[which>>2&3], TypesOnly: which&16 != 0,
	}
}

// storedGroup tells whether a directory can hold such a group, and the view has it defined.
func (o oracle) storedGroup(e entry) bool {
	class := "posixGroup"
	if o.Mode == rewrite.ModeMerge {
		class = o.LegacyClass
	}
	if strings.ContainsRune(normalDN(e.dn), utf8.RuneError) {
		return false // no directory string: how it is folded is not defined
	}
	if n, ok := parseName(e.dn); !ok || !n.below(o.usersBase()) || n.equal(o.usersBase()) || !e.isA(class) {
		return false
	}
	seen := map[string]bool{}
	for _, a := range e.attrs {
		at := typeOf(a.desc)
		if at == nil || len(a.values) == 0 {
			return false
		}
		options := strings.Split(optionsOf(a.desc), ";")
		slices.Sort(options)
		key := at.names[0] + strings.Join(options, ";")
		if seen[key] || len(slices.Compact(options)) != strings.Count(a.desc, ";")+1 {
			return false
		}
		seen[key] = true
		for i, v := range a.values {
			same := func(w string) bool {
				return fold(v) == fold(w) || fold(o.legacyName(v)) == fold(o.legacyName(w)) || sameDN(v, w)
			}
			// One class in two spellings, or that of the view in another one than ours: which is shown is not defined.
			respelled := func(w string) bool { c, d := o.viewClass(v), o.viewClass(w); return sameClass(c, d) && c != d }
			if at.names[0] == "objectClass" && slices.ContainsFunc(a.values, respelled) {
				return false
			}
			if fold(v) == "" || !utf8.ValidString(v) || slices.ContainsFunc(a.values[:i], same) {
				return false
			}
		}
	}
	return true
}

func (o oracle) viewClass(class string) string { return o.viewClasses([]string{class})[0] }

// checkOddEntry: nothing of an entry that cannot be is made up, and its parts never leave alone.
func checkOddEntry(t *testing.T, plan *rewrite.Plan, body []byte) {
	before, prefix := bytes.Clone(body), "prefix"
	out, kept, err := plan.AppendEntry([]byte(prefix), 7, body, nil)
	if !bytes.Equal(before, body) || !strings.HasPrefix(string(out), prefix) {
		t.Fatalf("AppendEntry changed what it was given")
	}
	if err != nil || !kept {
		if kept || len(out) != len(prefix) {
			t.Fatalf("kept %v, error %v and %d octets", kept, err, len(out)-len(prefix))
		}
		return
	}
	if m, err := ldap.ParseMessage(out[len(prefix):]); err != nil || m.ID != 7 || m.Op != ldap.OpSearchResultEntry {
		t.Fatalf("AppendEntry made another message: %+v, %v", m, err)
	}
	// A user name of one letter becomes a DN, and a DN says each octet in three at most.
	if most := 1<<10 + len(body)*2*len(usersBase); len(out) > most {
		t.Fatalf("%d octets became %d", len(body), len(out))
	}
}
