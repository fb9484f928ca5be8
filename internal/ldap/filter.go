package ldap

import (
	"errors"

	"jamf-ldap-proxy/internal/ber"
)

// FilterKind is the choice of a filter, numbered as its context tag.
type FilterKind uint8

// Filter choices, RFC 4511 section 4.5.1.7.
const (
	FilterAnd            FilterKind = 0
	FilterOr             FilterKind = 1
	FilterNot            FilterKind = 2
	FilterEquality       FilterKind = 3
	FilterSubstrings     FilterKind = 4
	FilterGreaterOrEqual FilterKind = 5
	FilterLessOrEqual    FilterKind = 6
	FilterPresent        FilterKind = 7
	FilterApprox         FilterKind = 8
	FilterExtensible     FilterKind = 9
)

// Filter is a node of a filter tree.
type Filter struct {
	Kind       FilterKind
	DNAttrs    bool        // of an extensible match: also the entry's DN
	Attr       string      // attribute description; empty in And, Or, Not and where an extensible match has none
	Value      string      // assertion value of Equality, GreaterOrEqual, LessOrEqual, Approx and Extensible
	Rule       string      // of an extensible match; empty for the attribute's own
	Substrings []Substring // of Substrings; empty where a client sends (cn=**)
	Children   []Filter    // of And, Or (none: true, false, RFC 4526) and Not (one)
}

// Substring is one piece of a substrings assertion.
type Substring struct {
	Kind  SubstringKind
	Value string
}

// SubstringKind says where a piece must stand, numbered as its context tag.
type SubstringKind uint8

// Substring choices.
const (
	SubInitial SubstringKind = 0
	SubAny     SubstringKind = 1
	SubFinal   SubstringKind = 2
)

// And, Or, Not, Equal and Present build filters.
func And(f ...Filter) Filter { return Filter{Kind: FilterAnd, Children: f} }

// Or is true where one of f is; Or() is the absolute false filter of RFC 4526.
func Or(f ...Filter) Filter { return Filter{Kind: FilterOr, Children: f} }

// Not negates f.
func Not(f Filter) Filter { return Filter{Kind: FilterNot, Children: []Filter{f}} }

// Equal is (attr=value).
func Equal(attr, value string) Filter {
	return Filter{Kind: FilterEquality, Attr: attr, Value: value}
}

// Present is (attr=*).
func Present(attr string) Filter { return Filter{Kind: FilterPresent, Attr: attr} }

type filterDecoder struct {
	limits Limits
	terms  int
}

func decodeFilter(r *ber.Reader[string], limits Limits) (Filter, error) {
	d := filterDecoder{limits: limits}
	var f Filter
	err := d.decode(r, &f, 1)
	return f, err
}

// DecodeFilter decodes one encoded filter, header included.
func DecodeFilter(in string, limits Limits) (Filter, error) {
	r := ber.Read(in)
	f, err := decodeFilter(&r, limits)
	if err == nil && !r.Empty() {
		err = malformed("filter", errors.New("octets behind the filter"))
	}
	return f, err
}

func (d *filterDecoder) decode(r *ber.Reader[string], f *Filter, depth int) error {
	tag, contents, err := r.Next()
	if err != nil {
		return malformed("filter", err)
	}
	if depth > d.limits.Nesting {
		return &LimitError{Limit: "nesting", Max: d.limits.Nesting}
	}
	if d.terms++; d.terms > d.limits.FilterTerms {
		return &LimitError{Limit: "filter_terms", Max: d.limits.FilterTerms}
	}
	switch tag {
	case 0xa0, 0xa1:
		f.Kind = FilterKind(tag & 0x1f)
		return d.decodeSet(contents, f, depth)
	case 0xa2:
		return d.decodeNot(contents, f, depth)
	case 0xa3, 0xa5, 0xa6, 0xa8:
		f.Kind = FilterKind(tag & 0x1f)
		return decodeAssertion(contents, f)
	case 0xa4:
		return d.decodeSubstrings(contents, f)
	case 0x87:
		f.Kind, f.Attr = FilterPresent, contents
		return nil
	case 0xa9:
		return decodeExtensible(contents, f)
	}
	return malformed("filter", errors.New("unknown choice"))
}

func (d *filterDecoder) decodeSet(contents string, f *Filter, depth int) error {
	set := ber.Read(contents)
	if n := min(countElements(set), d.limits.FilterTerms-d.terms); n > 0 {
		f.Children = make([]Filter, 0, n)
	}
	for !set.Empty() {
		f.Children = append(f.Children, Filter{})
		if err := d.decode(&set, &f.Children[len(f.Children)-1], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// countElements says how many elements can be read, so that one slice of the
// right size is made for them.
func countElements(r ber.Reader[string]) int {
	n := 0
	for !r.Empty() {
		if _, _, err := r.Next(); err != nil {
			break
		}
		n++
	}
	return n
}

func (d *filterDecoder) decodeNot(contents string, f *Filter, depth int) error {
	f.Kind = FilterNot
	f.Children = make([]Filter, 1)
	inner := ber.Read(contents)
	if err := d.decode(&inner, &f.Children[0], depth+1); err != nil {
		return err
	}
	if !inner.Empty() {
		return malformed("filter", errors.New("NOT holds more than one filter"))
	}
	return nil
}

func decodeAssertion(contents string, f *Filter) error {
	r := ber.Read(contents)
	var err error
	if f.Attr, err = r.Expect(ber.OctetString); err != nil {
		return malformed("filter attribute", err)
	}
	if f.Value, err = r.Expect(ber.OctetString); err != nil {
		return malformed("filter value", err)
	}
	if !r.Empty() {
		return malformed("filter", errors.New("octets behind the value"))
	}
	return nil
}

// decodeSubstrings accepts the empty list that RFC 4511 forbids, because JNDI
// sends it for an empty search box. Every piece counts as a term: a piece of
// two octets on the wire takes 24 in memory.
func (d *filterDecoder) decodeSubstrings(contents string, f *Filter) error {
	f.Kind = FilterSubstrings
	r := ber.Read(contents)
	var err error
	if f.Attr, err = r.Expect(ber.OctetString); err != nil {
		return malformed("substrings attribute", err)
	}
	list, err := r.Expect(ber.Sequence)
	if err != nil || !r.Empty() {
		return malformed("substrings", errOr(err, "octets behind the list"))
	}
	pieces := ber.Read(list)
	if n := min(countElements(pieces), d.limits.FilterTerms-d.terms); n > 0 {
		f.Substrings = make([]Substring, 0, n)
	}
	for !pieces.Empty() {
		if d.terms++; d.terms > d.limits.FilterTerms {
			return &LimitError{Limit: "filter_terms", Max: d.limits.FilterTerms}
		}
		first := len(f.Substrings) == 0
		tag, value, err := pieces.Next()
		if err != nil {
			return malformed("substring", err)
		}
		kind := SubstringKind(tag & 0x1f)
		switch {
		case tag&^0x1f != 0x80 || kind > SubFinal:
			return malformed("substring", errors.New("unknown choice"))
		case kind == SubInitial && !first, kind == SubFinal && !pieces.Empty():
			return malformed("substring", errors.New("initial must come first and final last"))
		}
		f.Substrings = append(f.Substrings, Substring{kind, value})
	}
	return nil
}

func decodeExtensible(contents string, f *Filter) error {
	f.Kind = FilterExtensible
	r := ber.Read(contents)
	var err error
	if r.Peek() == ber.Context(1) {
		if f.Rule, err = r.Expect(ber.Context(1)); err != nil {
			return malformed("matching rule", err)
		}
	}
	if r.Peek() == ber.Context(2) {
		if f.Attr, err = r.Expect(ber.Context(2)); err != nil {
			return malformed("matching type", err)
		}
	}
	if f.Value, err = r.Expect(ber.Context(3)); err != nil {
		return malformed("match value", err)
	}
	if r.Peek() == ber.Context(4) {
		if f.DNAttrs, err = r.Bool(ber.Context(4)); err != nil {
			return malformed("dnAttributes", err)
		}
	}
	if !r.Empty() || f.Rule == "" && f.Attr == "" {
		return malformed("extensible match", errors.New("needs a rule or a type and nothing behind"))
	}
	return nil
}

// AppendFilter appends the encoding of f.
func AppendFilter(dst []byte, f *Filter) []byte {
	var m ber.Mark
	switch f.Kind {
	case FilterPresent:
		return ber.Append(dst, 0x87, f.Attr)
	case FilterEquality, FilterGreaterOrEqual, FilterLessOrEqual, FilterApprox:
		size := ber.HeaderSize(len(f.Attr)) + len(f.Attr) + ber.HeaderSize(len(f.Value)) + len(f.Value)
		dst = ber.AppendHeader(dst, ber.ContextConstructed(byte(f.Kind)), size)
		dst = ber.Append(dst, ber.OctetString, f.Attr)
		return ber.Append(dst, ber.OctetString, f.Value)
	}
	dst, m = ber.Begin(dst, ber.ContextConstructed(byte(f.Kind)), 0)
	switch f.Kind {
	case FilterAnd, FilterOr, FilterNot:
		for i := range f.Children {
			dst = AppendFilter(dst, &f.Children[i])
		}
	case FilterSubstrings:
		dst = ber.Append(dst, ber.OctetString, f.Attr)
		var list ber.Mark
		dst, list = ber.Begin(dst, ber.Sequence, 0)
		for _, s := range f.Substrings {
			dst = ber.Append(dst, ber.Context(byte(s.Kind)), s.Value)
		}
		dst = ber.End(dst, list, 0)
	case FilterExtensible:
		dst = appendExtensible(dst, f)
	}
	return ber.End(dst, m, 0)
}

func appendExtensible(dst []byte, f *Filter) []byte {
	if f.Rule != "" {
		dst = ber.Append(dst, ber.Context(1), f.Rule)
	}
	if f.Attr != "" {
		dst = ber.Append(dst, ber.Context(2), f.Attr)
	}
	dst = ber.Append(dst, ber.Context(3), f.Value)
	if f.DNAttrs {
		dst = ber.AppendBool(dst, ber.Context(4), true)
	}
	return dst
}
