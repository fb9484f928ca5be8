package lookup

import (
	"slices"
	"strings"
)

// maxShape bounds a shape in bytes, and shapeDepth how deep its filter goes.
const (
	maxShape   = 512
	shapeDepth = 16
)

// Shape returns what kind of request this is, without the values that make it
// one of many: a search is its filter with ? for each value, operands sorted and
// repeated ones written once with an ellipsis. Object classes stay, for they say
// what is searched.
//
//	(&(cn=?)(objectClass=groupOfNames))      a search below the base
//	read cn=? (objectClass=*)                of one entry, with the type of its name
//	compare cn=? (member=?)
//	bind
//
// Shapes are short, and there are few of them; yet a client can make up new ones
// without end, so that whoever keeps them needs a bound.
func (r *Record) Shape() string {
	switch r.Op {
	case OpSearch:
		switch r.Scope {
		case "base":
			return clipShape("read " + entryShape(r.Base) + " " + filterShape(r.Filter))
		case "one":
			return clipShape("one level " + filterShape(r.Filter))
		}
		return clipShape(filterShape(r.Filter))
	case OpCompare:
		return clipShape("compare " + entryShape(r.Base) + " " + filterShape(r.Filter))
	case OpExtended:
		return clipShape("extended " + extensionName(r.Name))
	}
	return r.Op
}

func clipShape(s string) string { return Clip(s, maxShape) }

// entryShape is the type of an entry's name.
func entryShape(dn string) string {
	if dn == "" {
		return "rootDSE"
	}
	name, _, found := strings.Cut(dn, "=")
	if !found || !isName(name) {
		return "?"
	}
	return name + "=?"
}

// filterShape is the shape of an RFC 4515 text. Of a text that was cut, or is
// none, what can be read remains.
func filterShape(filter string) string {
	p := shaper{text: filter}
	return string(p.filter(make([]byte, 0, len(filter)), 0))
}

// shaper reads a filter text once, from left to right.
type shaper struct {
	text string
	at   int
}

// filter appends the shape of the filter that begins here.
func (p *shaper) filter(dst []byte, depth int) []byte {
	if depth == shapeDepth || p.peek() != '(' {
		p.at = len(p.text)
		return append(dst, "…"...)
	}
	p.at++
	switch c := p.peek(); c {
	case '&', '|', '!':
		p.at++
		dst = append(dst, '(', c)
		dst = p.operands(dst, depth)
	default:
		dst = append(dst, '(')
		dst = p.item(dst)
	}
	if p.peek() == ')' {
		p.at++
	}
	return append(dst, ')')
}

func (p *shaper) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// operands appends the shapes of a set, sorted.
func (p *shaper) operands(dst []byte, depth int) []byte {
	var list []string
	for p.at < len(p.text) && p.peek() != ')' {
		list = append(list, string(p.filter(nil, depth+1)))
	}
	slices.Sort(list)
	for i := 0; i < len(list); {
		same := i + 1
		for same < len(list) && list[same] == list[i] {
			same++
		}
		dst = append(dst, list[i]...)
		if same-i > 1 {
			dst = append(dst, "…"...)
		}
		i = same
	}
	return dst
}

// item appends the shape of an assertion up to its closing parenthesis, which
// values have only in escaped form.
func (p *shaper) item(dst []byte) []byte {
	item := p.text[p.at:]
	if end := strings.IndexByte(item, ')'); end >= 0 {
		item = item[:end]
	}
	p.at += len(item)
	name, value, found := strings.Cut(item, "=")
	if !found || !isName(strings.TrimRight(name, "~<>")) {
		return append(dst, '?')
	}
	dst = append(append(dst, name...), '=')
	switch {
	case value == "*", strings.EqualFold(name, "objectClass") && isName(value):
		return append(dst, value...)
	case value == "***": // masked, or stars only
		return append(dst, '?')
	}
	return append(dst, valueShape(value)...)
}

// valueShape keeps the stars of a substring assertion.
func valueShape(value string) string {
	if !strings.Contains(value, "*") {
		return "?"
	}
	pieces := strings.Split(value, "*")
	for i, piece := range pieces {
		if piece != "" {
			pieces[i] = "?"
		}
	}
	return strings.Join(pieces, "*")
}
