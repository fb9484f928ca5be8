package directory

import (
	"fmt"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// truth is the value of a filter on an entry (RFC 4511 section 4.5.1.7). With
// these numbers AND is the minimum, OR the maximum and NOT the negation.
type truth int

const (
	isFalse   truth = -1
	undefined truth = 0
	isTrue    truth = 1
)

// filter decides whether an entry matches for the identity who.
type filter interface {
	eval(s *schema, e, who *entry) truth
}

var errFilter = fmt.Errorf("malformed search filter: %w", errMalformed)

// Context tags of the Filter CHOICE.
const (
	tagAnd        = 0
	tagOr         = 1
	tagNot        = 2
	tagEquality   = 3
	tagSubstrings = 4
	tagGreater    = 5
	tagLess       = 6
	tagPresent    = 7
	tagApprox     = 8
	tagExtensible = 9
)

// compileFilter turns the decoded filter of a request into one that can be
// evaluated. The tree is used and not gldap's text, which has no form for an
// empty substring list. An item that the schema cannot decide is Undefined for
// every entry; only a filter that is no Filter is an error. The depth of p is
// limited by checkShape.
func compileFilter(s *schema, p *ber.Packet) (filter, error) {
	// What is none of the choices could be one of a later version of LDAP. Of
	// today's only presence is primitive, a bare attribute description.
	if p.ClassType != ber.ClassContext || p.Tag > tagExtensible ||
		(p.TagType == ber.TypePrimitive) != (p.Tag == tagPresent) {
		return constant(undefined), nil
	}
	switch p.Tag {
	case tagAnd, tagOr:
		return compileList(s, p)
	case tagNot:
		if len(p.Children) != 1 {
			return nil, errFilter
		}
		inner, err := compileFilter(s, p.Children[0])
		return notFilter{inner}, err
	case tagPresent:
		d, ok := s.describe(p.Data.String())
		if !ok {
			return constant(undefined), nil
		}
		return presence{d}, nil
	case tagEquality, tagApprox, tagGreater, tagLess:
		return compileAssertion(s, p)
	case tagSubstrings:
		return compileSubstrings(s, p)
	}
	return compileExtensible(s, p)
}

type constant truth

func (c constant) eval(*schema, *entry, *entry) truth { return truth(c) }

type andFilter []filter

// An AND of nothing is TRUE, an OR of nothing FALSE (RFC 4526).
func (f andFilter) eval(s *schema, e, who *entry) truth {
	result := isTrue
	for _, inner := range f {
		if result = min(result, inner.eval(s, e, who)); result == isFalse {
			break
		}
	}
	return result
}

type orFilter []filter

func (f orFilter) eval(s *schema, e, who *entry) truth {
	result := isFalse
	for _, inner := range f {
		if result = max(result, inner.eval(s, e, who)); result == isTrue {
			break
		}
	}
	return result
}

type notFilter struct{ inner filter }

func (f notFilter) eval(s *schema, e, who *entry) truth { return -f.inner.eval(s, e, who) }

func compileList(s *schema, p *ber.Packet) (filter, error) {
	list := make([]filter, 0, len(p.Children))
	for _, child := range p.Children {
		inner, err := compileFilter(s, child)
		if err != nil {
			return nil, err
		}
		list = append(list, inner)
	}
	if p.Tag == tagAnd {
		return andFilter(list), nil
	}
	return orFilter(list), nil
}

type presence struct{ want description }

func (f presence) eval(s *schema, e, who *entry) truth {
	return scan(s, e, who, f.want, func(*attribute) bool { return true })
}

// scan looks for an attribute that want describes and hit accepts. A type that
// who may not see makes the item Undefined, on entries without it as well, so
// that a filter cannot be used to guess it.
func scan(s *schema, e, who *entry, want description, hit func(*attribute) bool) truth {
	if !maySee(who, e, want.typ) {
		return undefined
	}
	for i := range e.attrs {
		if a := &e.attrs[i]; s.answers(a, want) && hit(a) {
			return isTrue
		}
	}
	return isFalse
}

// assertion is an equality, approximate or ordering match. Approximate match is
// equality here; slapd's phonetic one is of no use to a test.
type assertion struct {
	want description
	tag  ber.Tag
	norm string
}

func compileAssertion(s *schema, p *ber.Packet) (filter, error) {
	if len(p.Children) != 2 || !isOctets(p.Children[0]) || !isOctets(p.Children[1]) {
		return nil, errFilter
	}
	d, ok := s.describe(p.Children[0].Data.String())
	if !ok || d.typ.equality == nil {
		return constant(undefined), nil
	}
	if (p.Tag == tagGreater || p.Tag == tagLess) && !d.typ.ordering {
		return constant(undefined), nil
	}
	norm, err := d.typ.equality.normalize(s, p.Children[1].Data.String(), whole)
	if err != nil {
		return constant(undefined), nil
	}
	return assertion{d, p.Tag, norm}, nil
}

func (f assertion) eval(s *schema, e, who *entry) truth {
	return scan(s, e, who, f.want, func(a *attribute) bool {
		return slices.ContainsFunc(a.norms, func(v string) bool { return f.holds(s, a.typ, v) })
	})
}

func (f assertion) holds(s *schema, typ *attributeType, value string) bool {
	less := func(a, b string) bool { return a < b }
	if typ.equality == integer {
		less = lessInteger
	}
	switch f.tag {
	case tagGreater:
		return !less(value, f.norm)
	case tagLess:
		return !less(f.norm, value)
	}
	if typ.equality == objectID {
		// A class is matched by the classes derived from it (slapd's
		// objectSubClassMatch).
		return s.isSubclass(value, f.norm)
	}
	return value == f.norm
}

type substrings struct {
	want    description
	initial string
	middle  []string
	final   string
}

// compileSubstrings reads the pieces. An attribute without a substring rule, an
// empty piece and an empty list of pieces (JNDI sends one for "(cn=**)") all
// make the item Undefined.
func compileSubstrings(s *schema, p *ber.Packet) (filter, error) {
	if len(p.Children) != 2 || !isOctets(p.Children[0]) || p.Children[1].Tag != ber.TagSequence {
		return nil, errFilter
	}
	pieces := p.Children[1].Children
	d, ok := s.describe(p.Children[0].Data.String())
	if !ok || !d.typ.substrings || len(pieces) == 0 {
		return constant(undefined), nil
	}
	f := substrings{want: d}
	for i, piece := range pieces {
		if piece.ClassType != ber.ClassContext || piece.Tag > 2 ||
			(piece.Tag == 0 && i != 0) || (piece.Tag == 2 && i != len(pieces)-1) {
			return nil, errFilter
		}
		where := []part{initial, middle, final}[piece.Tag]
		text := piece.Data.String()
		norm, err := d.typ.equality.normalize(s, text, where)
		if err != nil || text == "" {
			return constant(undefined), nil
		}
		switch where {
		case initial:
			f.initial = norm
		case final:
			f.final = norm
		default:
			f.middle = append(f.middle, norm)
		}
	}
	return f, nil
}

func (f substrings) eval(s *schema, e, who *entry) truth {
	return scan(s, e, who, f.want, func(a *attribute) bool {
		return slices.ContainsFunc(a.norms, f.holds)
	})
}

func (f substrings) holds(value string) bool {
	rest, ok := strings.CutPrefix(value, f.initial)
	if !ok {
		return false
	}
	for _, piece := range f.middle {
		i := strings.Index(rest, piece)
		if i < 0 {
			return false
		}
		rest = rest[i+len(piece):]
	}
	return strings.HasSuffix(rest, f.final)
}

// extensible is an extensible match (RFC 4511 section 4.5.1.7.7). Without a
// type it looks at every attribute that its rule can compare.
type extensible struct {
	want  *description
	rule  *rule
	value string
	norm  string
	dn    bool // components of the entry's DN count as attributes
}

func compileExtensible(s *schema, p *ber.Packet) (filter, error) {
	var ruleName, typeName *string
	f := extensible{}
	hasValue := false
	for _, c := range p.Children {
		text := c.Data.String()
		switch c.Tag {
		case 1:
			ruleName = &text
		case 2:
			typeName = &text
		case 3:
			f.value, hasValue = text, true
		case 4:
			f.dn = text != "\x00"
		}
	}
	if !hasValue || (ruleName == nil && typeName == nil) {
		return nil, errFilter
	}
	if typeName != nil {
		d, ok := s.describe(*typeName)
		if !ok {
			return constant(undefined), nil
		}
		f.want, f.rule = &d, d.typ.equality
	}
	if ruleName != nil {
		f.rule = findRule(*ruleName)
	}
	if f.rule == nil || (f.want != nil && !f.rule.appliesTo(f.want.typ)) {
		return constant(undefined), nil
	}
	var err error
	if f.norm, err = f.rule.normalize(s, f.value, whole); err != nil {
		return constant(undefined), nil
	}
	return f, nil
}

func (r *rule) appliesTo(typ *attributeType) bool {
	return typ.equality != nil && typ.equality.syntax == r.syntax
}

func (f extensible) eval(s *schema, e, who *entry) truth {
	hit := func(a *attribute) bool {
		return f.rule.appliesTo(a.typ) &&
			slices.ContainsFunc(a.values, func(v string) bool { return f.matches(s, v) })
	}
	if f.dn && f.matchesName(s, e.name) {
		return isTrue
	}
	if f.want != nil {
		return scan(s, e, who, *f.want, hit)
	}
	for i := range e.attrs {
		if a := &e.attrs[i]; !a.typ.computed && maySee(who, e, a.typ) && hit(a) {
			return isTrue
		}
	}
	return isFalse
}

func (f extensible) matches(s *schema, value string) bool {
	norm, err := f.rule.normalize(s, value, whole)
	return err == nil && norm == f.norm
}

func (f extensible) matchesName(s *schema, name dn) bool {
	for _, component := range name {
		for _, a := range component {
			known := f.want == nil || s.isSubtype(a.typ, f.want.typ)
			if known && f.rule.appliesTo(a.typ) && f.matches(s, a.value) {
				return true
			}
		}
	}
	return false
}
