package rewrite_test

// Matching: RFC 4511 section 4.5.1.7 with the schema and the habits of slapd.

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// truth is three-valued, ordered so that AND is the least of its operands, OR
// the greatest, and NOT the mirror image.
type truth int

const (
	no truth = iota
	undefined
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// evaluate gives the truth of a filter on one entry; leaf judges its leaves.
func evaluate(f *ldap.Filter, e entry, leaf func(*ldap.Filter, entry) truth) truth {
	switch f.Kind {
	case ldap.FilterAnd:
		t := yes
		for i := range f.Children {
			t = min(t, evaluate(&f.Children[i], e, leaf))
		}
		return t
	case ldap.FilterOr:
		t := no
		for i := range f.Children {
			t = max(t, evaluate(&f.Children[i], e, leaf))
		}
		return t
	case ldap.FilterNot:
		return yes - evaluate(&f.Children[0], e, leaf)
	case ldap.FilterExtensible:
		if f.Attr == "" {
			return anyAttribute(f, e)
		}
	}
	return leaf(f, e)
}

// anyAttribute evaluates an extensible match that names no attribute: on every
// user attribute, and with :dn every part of the DN, that the rule fits.
func anyAttribute(f *ldap.Filter, e entry) truth {
	rule := ruleOf(f.Rule)
	if rule == nil {
		return undefined
	}
	t := equality(rule, nil, f.Value) // undefined for an invalid value
	for _, at := range schema {
		if at.rule.syntax == rule.syntax && !at.operational {
			one := *f
			one.Attr = at.names[0]
			t = max(t, plainLeaf(&one, e))
		}
	}
	return t
}

// plainLeaf evaluates a leaf as slapd does.
func plainLeaf(f *ldap.Filter, e entry) truth {
	at := typeOf(f.Attr)
	if at == nil {
		return undefined
	}
	switch f.Kind {
	case ldap.FilterPresent:
		return truthOf(len(e.values(f.Attr)) > 0)
	case ldap.FilterEquality, ldap.FilterApprox:
		return equality(at.rule, e.values(f.Attr), f.Value)
	case ldap.FilterSubstrings:
		return substrings(at.rule, e.values(f.Attr), f.Substrings)
	case ldap.FilterExtensible:
		rule := at.rule
		if f.Rule != "" {
			rule = ruleOf(f.Rule)
		}
		if rule == nil || rule.syntax != at.rule.syntax {
			return undefined
		}
		values := e.values(f.Attr)
		if f.DNAttrs {
			values = slices.Concat(values, e.namingValues(f.Attr))
		}
		return equality(rule, values, f.Value)
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		if at.rule == integer {
			return ordering(f, e.values(f.Attr))
		}
	}
	return undefined // no other type of this schema has an ordering rule
}

// ordering compares numbers; slapd has integerOrderingMatch for gidNumber and
// uidNumber.
func ordering(f *ldap.Filter, values []string) truth {
	want, err := strconv.Atoi(f.Value)
	if _, valid := integer.normal(f.Value); !valid || err != nil {
		return undefined
	}
	return truthOf(slices.ContainsFunc(values, func(value string) bool {
		got, err := strconv.Atoi(value)
		if f.Kind == ldap.FilterGreaterOrEqual {
			return err == nil && got >= want
		}
		return err == nil && got <= want
	}))
}

func equality(r *rule, values []string, asserted string) truth {
	want, valid := r.normal(asserted)
	if !valid {
		return undefined
	}
	return truthOf(slices.ContainsFunc(values, func(value string) bool {
		got, valid := r.normal(value)
		return valid && got == want
	}))
}

func substrings(r *rule, values []string, pieces []ldap.Substring) truth {
	if r.piece == nil {
		return undefined
	}
	var normal []ldap.Substring
	for _, p := range pieces {
		normal = append(normal, ldap.Substring{Kind: p.Kind, Value: r.piece(p)})
	}
	return truthOf(slices.ContainsFunc(values, func(value string) bool {
		got, _ := r.normal(value)
		return matchPieces(got, normal)
	}))
}

// matchPieces finds the pieces one behind the other. No piece: any value.
func matchPieces(value string, pieces []ldap.Substring) bool {
	for _, p := range pieces {
		switch p.Kind {
		case ldap.SubInitial:
			if !strings.HasPrefix(value, p.Value) {
				return false
			}
			value = value[len(p.Value):]
		case ldap.SubAny:
			i := strings.Index(value, p.Value)
			if i < 0 {
				return false
			}
			value = value[i+len(p.Value):]
		case ldap.SubFinal:
			if !strings.HasSuffix(value, p.Value) {
				return false
			}
		}
	}
	return true
}

// rule is a matching rule: two values match when their normal forms are equal.
type rule struct {
	names  []string // name and OID
	syntax string   // a rule fits the attribute types of its syntax
	normal func(string) (form string, valid bool)
	piece  func(ldap.Substring) string // nil: no substrings
}

var (
	caseIgnore = &rule{[]string{"caseIgnoreMatch", "2.5.13.2"}, "string",
		func(s string) (string, bool) { return fold(s), true },
		func(p ldap.Substring) string { return strings.ToLower(oneSpace(p)) }}
	caseExact = &rule{[]string{"caseExactMatch", "2.5.13.5"}, "string",
		func(s string) (string, bool) { return strings.Join(strings.Fields(s), " "), true },
		oneSpace}
	caseExactIA5 = &rule{[]string{"caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1"}, "ia5",
		caseExact.normal, caseExact.piece}
	caseIgnoreIA5 = &rule{[]string{"caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2"}, "ia5",
		caseIgnore.normal, caseIgnore.piece}
	integer = &rule{[]string{"integerMatch", "2.5.13.14"}, "integer",
		func(s string) (string, bool) { return s, integerForm.MatchString(s) }, nil}
	distinguishedName = &rule{[]string{"distinguishedNameMatch", "2.5.13.1"}, "dn", nil /* init */, nil}
	objectIdentifier  = &rule{[]string{"objectIdentifierMatch", "2.5.13.0"}, "oid",
		func(s string) (string, bool) { class := classOf(s); return class, class != "" }, nil}
	uuid = &rule{[]string{"UUIDMatch", "1.3.6.1.1.16.2"}, "uuid",
		func(s string) (string, bool) { return strings.ToLower(s), uuidForm.MatchString(s) }, nil}

	rules = []*rule{caseIgnore, caseExact, caseExactIA5, caseIgnoreIA5, integer, distinguishedName, objectIdentifier, uuid}

	integerForm = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	uuidForm    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func init() { // not above: a name needs the schema, and the schema its rules
	distinguishedName.normal = func(s string) (string, bool) {
		n, ok := parseName(s)
		return strings.Join(n, "\n"), ok
	}
}

// fold prepares a value for caseIgnoreMatch: lower case, no outer spaces, inner
// runs of spaces as one.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// oneSpace prepares a piece of a substring: runs of spaces as one, and none
// where the value cannot have any, before an initial and behind a final piece.
func oneSpace(p ldap.Substring) string {
	s := spaces.ReplaceAllString(p.Value, " ")
	switch p.Kind {
	case ldap.SubInitial:
		return strings.TrimLeft(s, " ")
	case ldap.SubFinal:
		return strings.TrimRight(s, " ")
	}
	return s
}

var spaces = regexp.MustCompile(` +`)

// ruleOf finds a rule by name or OID, nil when there is none.
func ruleOf(text string) *rule {
	for _, r := range rules {
		if slices.ContainsFunc(r.names, func(s string) bool { return strings.EqualFold(s, text) }) {
			return r
		}
	}
	return nil
}

// attributeType is one attribute type of the schema.
type attributeType struct {
	names       []string // the name that entries use, other names, the OID
	rule        *rule    // its equality rule
	operational bool
}

var schema = []*attributeType{
	{[]string{"objectClass", "2.5.4.0"}, objectIdentifier, false},
	{[]string{"cn", "commonName", "2.5.4.3"}, caseIgnore, false},
	{[]string{"sn", "surname", "2.5.4.4"}, caseIgnore, false},
	{[]string{"o", "organizationName", "2.5.4.10"}, caseIgnore, false},
	{[]string{"ou", "organizationalUnitName", "2.5.4.11"}, caseIgnore, false},
	{[]string{"dc", "domainComponent", "0.9.2342.19200300.100.1.25"}, caseIgnoreIA5, false},
	{[]string{"description", "2.5.4.13"}, caseIgnore, false},
	{[]string{"uid", "userid", "0.9.2342.19200300.100.1.1"}, caseIgnore, false},
	{[]string{"mail", "0.9.2342.19200300.100.1.3"}, caseIgnoreIA5, false},
	{[]string{"member", "2.5.4.31"}, distinguishedName, false},
	{[]string{"uniqueMember", "2.5.4.50"}, distinguishedName, false},
	{[]string{"memberOf", "1.2.840.113556.1.2.102"}, distinguishedName, false},
	{[]string{"memberUid", "1.3.6.1.1.1.1.12"}, caseExactIA5, false},
	{[]string{"gidNumber", "1.3.6.1.1.1.1.1"}, integer, false},
	{[]string{"uidNumber", "1.3.6.1.1.1.1.0"}, integer, false},
	{[]string{"entryUUID", "1.3.6.1.1.16.4"}, uuid, true},
	{[]string{"entryDN", "1.3.6.1.1.20"}, distinguishedName, true},
}

// typeOf finds the type of an attribute description, nil when there is none.
func typeOf(desc string) *attributeType {
	base, _, _ := strings.Cut(desc, ";")
	for _, at := range schema {
		if slices.ContainsFunc(at.names, func(s string) bool { return strings.EqualFold(s, base) }) {
			return at
		}
	}
	return nil
}

func sameType(a, b string) bool { return typeOf(a) != nil && typeOf(a) == typeOf(b) }

// optionsOf returns the options of a description, each with its semicolon.
func optionsOf(desc string) string {
	if i := strings.IndexByte(desc, ';'); i >= 0 {
		return strings.ToLower(desc[i:])
	}
	return ""
}

// covers: the same type, and got has every option that was asked for.
func covers(asked, got string) bool {
	for _, option := range strings.Split(optionsOf(asked), ";") {
		if option != "" && !slices.Contains(strings.Split(optionsOf(got), ";"), option) {
			return false
		}
	}
	return sameType(asked, got)
}

// The object classes by name and OID.
var classes = [][]string{
	{"top", "2.5.6.0"}, {"person", "2.5.6.6"}, {"inetOrgPerson", "2.16.840.1.113730.3.2.2"},
	{"groupOfNames", "2.5.6.9"}, {"groupOfUniqueNames", "2.5.6.17"}, {"posixGroup", "1.3.6.1.1.1.2.2"},
	{"organizationalUnit", "2.5.6.5"}, {"organization", "2.5.6.4"}, {"domain", "0.9.2342.19200300.100.4.13"},
}

// classOf returns the name of a class given by name or OID, "" for none.
func classOf(text string) string {
	for _, class := range classes {
		if strings.EqualFold(text, class[0]) || text == class[1] {
			return class[0]
		}
	}
	return ""
}

func sameClass(a, b string) bool { return classOf(a) != "" && classOf(a) == classOf(b) }
