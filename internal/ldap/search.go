package ldap

import (
	"errors"
	"strings"

	"jamf-ldap-proxy/internal/ber"
)

// Scope of a search, RFC 4511 section 4.5.1.2.
type Scope int32

// Scopes. Subordinate is the subordinate subtree of draft-sermersheim.
const (
	ScopeBase        Scope = 0
	ScopeOne         Scope = 1
	ScopeSubtree     Scope = 2
	ScopeSubordinate Scope = 3
)

// String returns the scope as ldapsearch writes it.
func (s Scope) String() string {
	switch s {
	case ScopeBase:
		return "base"
	case ScopeOne:
		return "one"
	case ScopeSubtree:
		return "sub"
	case ScopeSubordinate:
		return "children"
	}
	return "unknown"
}

// SearchRequest is a decoded SearchRequest.
type SearchRequest struct {
	Base       string
	Scope      Scope
	Deref      int32
	SizeLimit  int32 // entries, 0 for none
	TimeLimit  int32 // seconds, 0 for none
	TypesOnly  bool
	Filter     Filter
	Attributes []string
}

// Selections with a meaning of their own, RFC 4511 section 4.5.1.8 and RFC 3673.
const (
	AllUserAttributes        = "*"
	AllOperationalAttributes = "+"
	NoAttributes             = "1.1"
)

// DecodeSearchRequest decodes the body of a search. The result keeps body
// alive and shares it.
func DecodeSearchRequest(body string, limits Limits) (SearchRequest, error) {
	r := ber.Read(body)
	var s SearchRequest
	var err error
	if s.Base, err = r.Expect(ber.OctetString); err != nil {
		return s, malformed("search base", err)
	}
	scope, err := r.Int(ber.Enumerated)
	if err != nil {
		return s, malformed("search scope", err)
	}
	if scope < 0 || scope > int32(ScopeSubordinate) {
		return s, malformed("search scope", errors.New("not a known scope"))
	}
	s.Scope = Scope(scope)
	if s.Deref, err = r.Int(ber.Enumerated); err != nil || s.Deref < 0 || s.Deref > 3 {
		return s, malformed("search derefAliases", errOr(err, "out of range"))
	}
	if s.SizeLimit, err = r.Int(ber.Integer); err != nil || s.SizeLimit < 0 {
		return s, malformed("search size limit", errOr(err, "negative"))
	}
	if s.TimeLimit, err = r.Int(ber.Integer); err != nil || s.TimeLimit < 0 {
		return s, malformed("search time limit", errOr(err, "negative"))
	}
	if s.TypesOnly, err = r.Bool(ber.Boolean); err != nil {
		return s, malformed("search typesOnly", err)
	}
	if s.Filter, err = decodeFilter(&r, limits); err != nil {
		return s, err
	}
	if s.Attributes, err = decodeAttributeList(&r, limits.Attributes); err != nil {
		return s, err
	}
	if !r.Empty() {
		return s, malformed("search", errors.New("octets behind the attribute list"))
	}
	return s, nil
}

func errOr(err error, otherwise string) error {
	if err != nil {
		return err
	}
	return errors.New(otherwise)
}

func decodeAttributeList(r *ber.Reader[string], limit int) ([]string, error) {
	contents, err := r.Expect(ber.Sequence)
	if err != nil {
		return nil, malformed("attribute list", err)
	}
	list := ber.Read(contents)
	var names []string
	if n := min(countElements(list), limit); n > 0 {
		names = make([]string, 0, n)
	}
	for !list.Empty() {
		name, err := list.Expect(ber.OctetString)
		if err != nil {
			return nil, malformed("attribute list", err)
		}
		if len(names) == limit {
			return nil, &LimitError{Limit: "attributes", Max: limit}
		}
		names = append(names, name)
	}
	return names, nil
}

// AppendSearchRequest appends the body of a search.
func AppendSearchRequest(dst []byte, s *SearchRequest) []byte {
	dst = ber.Append(dst, ber.OctetString, s.Base)
	dst = ber.AppendInt(dst, ber.Enumerated, int32(s.Scope))
	dst = ber.AppendInt(dst, ber.Enumerated, s.Deref)
	dst = ber.AppendInt(dst, ber.Integer, s.SizeLimit)
	dst = ber.AppendInt(dst, ber.Integer, s.TimeLimit)
	dst = ber.AppendBool(dst, ber.Boolean, s.TypesOnly)
	dst = AppendFilter(dst, &s.Filter)
	dst, m := ber.Begin(dst, ber.Sequence, 0)
	for _, name := range s.Attributes {
		dst = ber.Append(dst, ber.OctetString, name)
	}
	return ber.End(dst, m, 0)
}

// Selection answers whether an attribute was asked for.
type Selection struct {
	all, operational bool
	names            []string
}

// Selection interprets the attribute list: empty means all user attributes.
func (s *SearchRequest) Selection() Selection {
	sel := Selection{all: len(s.Attributes) == 0}
	for _, name := range s.Attributes {
		switch name {
		case AllUserAttributes:
			sel.all = true
		case AllOperationalAttributes:
			sel.operational = true
		case NoAttributes:
		default:
			sel.names = append(sel.names, name)
		}
	}
	return sel
}

// All tells whether all user attributes were asked for.
func (s Selection) All() bool { return s.all }

// Operational tells whether all operational attributes were asked for.
func (s Selection) Operational() bool { return s.operational }

// Names are the attributes that were asked for by name.
func (s Selection) Names() []string { return s.names }

// Named tells whether a returned attribute description was asked for by name:
// the same type, and every option that was asked for (RFC 4512 section 2.5.2).
func (s Selection) Named(description string) bool {
	for _, want := range s.names {
		if DescriptionCovers(want, description) {
			return true
		}
	}
	return false
}

// DescriptionCovers tells whether the description asked covers got: equal
// attribute types and no option in asked that got lacks. Types are compared
// as attribute types, so that a name and its OID are equal.
func DescriptionCovers(asked, got string) bool {
	askedType, askedOptions, _ := strings.Cut(asked, ";")
	gotType, gotOptions, _ := strings.Cut(got, ";")
	if !SameAttributeType(askedType, gotType) {
		return false
	}
	for askedOptions != "" {
		var option string
		option, askedOptions, _ = strings.Cut(askedOptions, ";")
		if option != "" && !hasOption(gotOptions, option) {
			return false
		}
	}
	return true
}

func hasOption(options, want string) bool {
	for options != "" {
		var option string
		option, options, _ = strings.Cut(options, ";")
		if strings.EqualFold(option, want) {
			return true
		}
	}
	return false
}
