package rewrite_test

// A directory and how a server answers from it.

import (
	"fmt"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// directory is a list of entries in the order in which the server returns them.
type directory []entry

type entry struct {
	dn    string
	attrs []attribute
}

type attribute struct {
	desc   string // the attribute description, options included
	values []string
}

// answer is what a client gets for a search.
type answer struct {
	entries []entry
	result  ldap.Result
}

// search is the upstream server. It refuses an empty list of substrings, and an
// empty piece in it, as slapd does; the proxy must never send them.
func (d directory) search(req *ldap.SearchRequest) answer {
	if hasEmptySubstrings(&req.Filter) {
		return answer{result: ldap.Result{Code: ldap.ProtocolError}}
	}
	return d.answer(req, d, plainLeaf)
}

// answer evaluates a request on the entries of d; existing are the entries that
// count when the base is looked for.
func (d directory) answer(req *ldap.SearchRequest, existing directory, leaf func(*ldap.Filter, entry) truth) answer {
	base, ok := parseName(req.Base)
	if !ok {
		return answer{result: ldap.Result{Code: ldap.InvalidDNSyntax}}
	}
	if !existing.has(base) {
		return answer{result: ldap.Result{Code: ldap.NoSuchObject, MatchedDN: existing.matched(base)}}
	}
	var a answer
	for _, e := range d {
		if !e.name().within(base, req.Scope) || evaluate(&req.Filter, e, leaf) != yes {
			continue
		}
		if req.SizeLimit > 0 && len(a.entries) == int(req.SizeLimit) {
			a.result.Code = ldap.SizeLimitExceeded
			break
		}
		a.entries = append(a.entries, e.selected(req))
	}
	return a
}

// compare is the upstream server, checks in slapd's order.
func (d directory) compare(req *ldap.CompareRequest) ldap.Result {
	n, ok := parseName(req.DN)
	if !ok {
		return ldap.Result{Code: ldap.InvalidDNSyntax}
	}
	at := typeOf(req.Attr)
	if at == nil {
		return ldap.Result{Code: ldap.UndefinedAttributeType}
	}
	if _, valid := at.rule.normal(req.Value); !valid {
		return ldap.Result{Code: ldap.InvalidAttributeSyntax}
	}
	if !d.has(n) {
		return ldap.Result{Code: ldap.NoSuchObject, MatchedDN: d.matched(n)}
	}
	e := d.find(n)
	switch {
	case len(e.values(req.Attr)) == 0:
		return ldap.Result{Code: ldap.NoSuchAttribute}
	case equality(at.rule, e.values(req.Attr), req.Value) == yes:
		return ldap.Result{Code: ldap.CompareTrue}
	}
	return ldap.Result{Code: ldap.CompareFalse}
}

func (d directory) has(n name) bool {
	return slices.ContainsFunc(d, func(e entry) bool { return e.name().equal(n) })
}

// find returns the entry with a name that the directory has.
func (d directory) find(n name) entry {
	return d[slices.IndexFunc(d, func(e entry) bool { return e.name().equal(n) })]
}

// matched returns the DN of the deepest entry above n.
func (d directory) matched(n name) string {
	for len(n) > 0 {
		n = n[1:]
		for _, e := range d {
			if e.name().equal(n) {
				return e.dn
			}
		}
	}
	return ""
}

func hasEmptySubstrings(f *ldap.Filter) bool {
	if f.Kind == ldap.FilterSubstrings {
		return len(f.Substrings) == 0 || slices.ContainsFunc(f.Substrings, func(p ldap.Substring) bool { return p.Value == "" })
	}
	for i := range f.Children {
		if hasEmptySubstrings(&f.Children[i]) {
			return true
		}
	}
	return false
}

// Entries.

// values returns the values of all attributes that the description covers.
func (e entry) values(asked string) []string {
	var values []string
	for _, a := range e.attrs {
		if covers(asked, a.desc) {
			values = append(values, a.values...)
		}
	}
	return values
}

// namingValues returns the values of the attribute in the entry's DN.
func (e entry) namingValues(asked string) []string {
	var values []string
	dn, _ := ldap.ParseDN(e.dn)
	for _, rdn := range dn {
		for _, ava := range rdn {
			if covers(asked, ava.Type) {
				values = append(values, ava.Value)
			}
		}
	}
	return values
}

func (e entry) isA(class string) bool {
	return slices.ContainsFunc(e.values("objectClass"), func(v string) bool { return sameClass(v, class) })
}

// selected returns what of e the request asked for: user attributes with * or
// an empty list, operational ones with + or by name; without values in typesOnly.
func (e entry) selected(req *ldap.SearchRequest) entry {
	out := entry{dn: e.dn}
	for _, a := range e.attrs {
		all := ldap.AllUserAttributes
		if at := typeOf(a.desc); at != nil && at.operational {
			all = ldap.AllOperationalAttributes
		}
		asked := len(req.Attributes) == 0 && all == ldap.AllUserAttributes
		for _, want := range req.Attributes {
			asked = asked || want == all || covers(want, a.desc)
		}
		if !asked {
			continue
		}
		if req.TypesOnly {
			a.values = nil
		}
		out.attrs = append(out.attrs, a)
	}
	return out
}

// encode returns the body of a SearchResultEntry.
func (e entry) encode() []byte {
	body := ber.Append(nil, ber.OctetString, e.dn)
	body, list := ber.Begin(body, ber.Sequence, 0)
	for _, a := range e.attrs {
		var one, set ber.Mark
		body, one = ber.Begin(body, ber.Sequence, 0)
		body = ber.Append(body, ber.OctetString, a.desc)
		body, set = ber.Begin(body, ber.Set, 0)
		for _, v := range a.values {
			body = ber.Append(body, ber.OctetString, v)
		}
		body = ber.End(body, set, 0)
		body = ber.End(body, one, 0)
	}
	return ber.End(body, list, 0)
}

// decodeEntry reads the body of a SearchResultEntry.
func decodeEntry(body []byte) (entry, error) {
	from, err := ldap.DecodeEntry(body)
	e := entry{dn: string(from.DN)}
	for err == nil {
		a, ok, failed := from.NextAttribute()
		if !ok {
			return e, failed
		}
		into := attribute{desc: string(a.Description)}
		for {
			v, ok, failed := a.NextValue()
			if !ok {
				err = failed
				break
			}
			into.values = append(into.values, string(v))
		}
		e.attrs = append(e.attrs, into)
	}
	return e, err
}

// String writes the entry as LDIF, the values readable.
func (e entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\n", e.dn)
	for _, a := range e.attrs {
		if len(a.values) == 0 {
			fmt.Fprintf(&b, "%s:\n", a.desc)
		}
		for _, v := range a.values {
			fmt.Fprintf(&b, "%s: %s\n", a.desc, v)
		}
	}
	return b.String()
}

// parseDirectory reads entries written as String writes them, with empty lines
// between.
func parseDirectory(text string) directory {
	var d directory
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		var e entry
		for _, line := range strings.Split(block, "\n") {
			desc, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			last := len(e.attrs) - 1
			switch {
			case desc == "dn":
				e.dn = value
			case last >= 0 && e.attrs[last].desc == desc:
				e.attrs[last].values = append(e.attrs[last].values, value)
			default:
				e.attrs = append(e.attrs, attribute{desc, []string{value}})
			}
		}
		d = append(d, e)
	}
	return d
}

// Names.

// name is a DN in normal form, one string for an RDN, the entry's own first.
type name []string

func parseName(text string) (name, bool) {
	dn, err := ldap.ParseDN(text)
	return nameOf(dn), err == nil
}

func nameOf(dn ldap.DN) name {
	var n name
	for _, rdn := range dn {
		var parts []string
		for _, ava := range rdn {
			typ := strings.ToLower(ava.Type)
			if at := typeOf(typ); at != nil {
				typ = at.names[0]
			}
			parts = append(parts, typ+"="+fold(ava.Value))
		}
		slices.Sort(parts)
		n = append(n, strings.Join(parts, "\x00"))
	}
	return n
}

func (e entry) name() name { n, _ := parseName(e.dn); return n }

func (n name) equal(m name) bool { return slices.Equal(n, m) }

// below: m itself or under it.
func (n name) below(m name) bool { return len(n) >= len(m) && n[len(n)-len(m):].equal(m) }

func (n name) within(base name, scope ldap.Scope) bool {
	switch depth := len(n) - len(base); scope {
	case ldap.ScopeBase:
		return n.equal(base)
	case ldap.ScopeOne:
		return n.below(base) && depth == 1
	case ldap.ScopeSubordinate:
		return n.below(base) && depth > 0
	}
	return n.below(base)
}
