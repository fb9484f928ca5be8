package lookup

import (
	"bytes"
	"slices"
	"strings"
)

// Bounds of a shape.
const (
	maxShape   = 512      // its length in bytes
	shapeDepth = 16       // how deep its filter goes; what lies deeper is (…)
	shapeText  = 16 << 10 // how much of a filter is read: one that was recorded, and then hashed, is shorter
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
// A hashed record has the shape that it had before. Shapes are short, and there
// are few of them; yet a client can make up new ones without end, so that whoever
// keeps them needs a bound.
func (r *Record) Shape() string {
	return string(r.AppendShape(make([]byte, 0, 128)))
}

// AppendShape appends the shape to dst, for who wants to look it up and needs no
// string for that.
func (r *Record) AppendShape(dst []byte) []byte {
	begin := len(dst)
	switch r.Op {
	case OpSearch:
		switch r.Scope {
		case "base":
			dst = appendEntryShape(append(dst, "read "...), r.Base)
		case "one":
			dst = append(dst, "one level "...)
		}
		dst = appendFilterShape(dst, r.Filter)
	case OpCompare:
		dst = appendEntryShape(append(dst, "compare "...), r.Base)
		dst = appendFilterShape(dst, r.Filter)
	case OpExtended:
		dst = appendWord(append(dst, "extended "...), extensionName(r.Name))
	default:
		dst = appendWord(dst, r.Op)
	}
	return clippedShape(dst, begin)
}

// clippedShape cuts a shape that begins at begin. It consists of ASCII and of
// ellipses.
func clippedShape(dst []byte, begin int) []byte {
	if len(dst)-begin <= maxShape {
		return dst
	}
	end := begin + maxShape - len(clipMark)
	for dst[end]&0xc0 == 0x80 { // inside an ellipsis
		end--
	}
	return append(dst[:end], clipMark...)
}

// appendEntryShape appends the type of an entry's name and a space.
func appendEntryShape(dst []byte, dn string) []byte {
	name, _, found := strings.Cut(dn, "=")
	switch {
	case dn == "":
		dst = append(dst, "rootDSE"...)
	case found && isDNType(name):
		dst = append(append(dst, strings.ToLower(strings.TrimSpace(name))...), "=?"...)
	default:
		dst = append(dst, '?')
	}
	return append(dst, ' ')
}

func appendWord(dst []byte, s string) []byte {
	if !isWord(s) {
		s = "?"
	}
	return append(dst, s...)
}

// appendFilterShape appends the shape of an RFC 4515 text. Of a text that was cut
// what can be read remains; what is no filter is a ?.
func appendFilterShape(dst []byte, filter string) []byte {
	p := shaper{text: filter[:min(len(filter), shapeText)], out: dst}
	if p.peek() != '(' {
		return append(dst, '?')
	}
	p.filter(0)
	return p.out
}

// shaper reads a filter text once, from left to right, and appends its shape to
// out.
type shaper struct {
	text string
	at   int
	out  []byte
}

func (p *shaper) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *shaper) write(s string) { p.out = append(p.out, s...) }

// filter reads the filter that begins here.
func (p *shaper) filter(depth int) {
	if depth == shapeDepth {
		p.skip()
		p.write("(…)")
		return
	}
	p.at++
	p.write("(")
	switch p.peek() {
	case '&', '|', '!':
		p.write(p.text[p.at : p.at+1])
		p.at++
		p.operands(depth + 1)
	default:
		p.item()
	}
	if p.peek() == ')' {
		p.at++
	}
	p.write(")")
}

// skip passes over the filter that begins here.
func (p *shaper) skip() {
	for open := 0; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				p.at++
				return
			}
		}
	}
}

// operands reads the members of a set, up to its end or to what is no filter; there
// all reading ends. Their shapes are written as they come, then once more in order,
// and those are moved to the front.
func (p *shaper) operands(depth int) {
	var few [8]span
	list, begin := few[:0], len(p.out)
	for p.peek() == '(' {
		from := len(p.out)
		p.filter(depth)
		list = append(list, span{from, len(p.out)})
	}
	if len(list) < 2 {
		return
	}
	slices.SortFunc(list, func(a, b span) int { return bytes.Compare(a.of(p.out), b.of(p.out)) })
	end := len(p.out)
	p.writeOnce(list)
	p.out = append(p.out[:begin], p.out[end:]...)
}

// span is a part of what was written.
type span struct{ from, to int }

func (s span) of(out []byte) []byte { return out[s.from:s.to] }

// writeOnce writes sorted parts again, with an ellipsis behind each that occurs
// more than once.
func (p *shaper) writeOnce(list []span) {
	for i := 0; i < len(list); {
		part := list[i].of(p.out)
		next := i + 1
		for next < len(list) && bytes.Equal(list[next].of(p.out), part) {
			next++
		}
		p.out = append(p.out, part...)
		if next-i > 1 {
			p.write(clipMark)
		}
		i = next
	}
}

// item reads an assertion up to its closing parenthesis, which values have only
// in escaped form.
func (p *shaper) item() {
	item := p.text[p.at:]
	if end := strings.IndexByte(item, ')'); end >= 0 {
		item = item[:end]
	}
	p.at += len(item)
	name, value, found := strings.Cut(item, "=")
	if !found || !isName(strings.TrimRight(name, "~<>")) {
		p.write("?")
		return
	}
	p.write(name)
	p.write("=")
	if isWord(value) && strings.EqualFold(name, "objectClass") {
		p.write(value)
		return
	}
	p.value(value)
}

// value keeps the stars of a presence and of a substring assertion, and the
// nothing of an empty value.
func (p *shaper) value(s string) {
	if len(s) > len("**") && strings.Trim(s, "*") == "" {
		p.write("?") // *** is a masked value, and more stars are several
		return
	}
	for s != "" {
		piece, rest, found := strings.Cut(s, "*")
		if piece != "" {
			p.write("?")
		}
		if found {
			p.write("*")
		}
		s = rest
	}
}
