package ldap

import (
	"unicode"
	"unicode/utf8"
)

// String returns the RFC 4515 text of f.
func (f *Filter) String() string {
	return string(f.AppendText(make([]byte, 0, 128), -1, nil))
}

// AppendText appends the RFC 4515 text of f. It stops soon after max octets
// were appended (negative: never), so that the text of a filter of a megabyte
// costs little; a text that was cut ends in an ellipsis. Values of attributes for
// which mask answers true are written as ***.
func (f *Filter) AppendText(dst []byte, max int, mask func(attr string) bool) []byte {
	t := filterText{dst: dst, end: -1, mask: mask}
	if max >= 0 {
		t.end = len(dst) + max
	}
	t.filter(f)
	if t.cut {
		t.dst = append(t.dst, "…"...)
	}
	return t.dst
}

type filterText struct {
	dst  []byte
	end  int
	mask func(string) bool
	cut  bool // something was left out
}

// full tells whether to stop, and is asked only where something is still due.
func (t *filterText) full() bool {
	if t.end >= 0 && len(t.dst) >= t.end {
		t.cut = true
	}
	return t.cut
}

// lit writes what is no name or value, and nothing once the text is cut.
func (t *filterText) lit(s string) {
	if !t.cut {
		t.dst = append(t.dst, s...)
	}
}

func (t *filterText) filter(f *Filter) {
	if t.full() {
		return
	}
	t.lit("(")
	switch f.Kind {
	case FilterAnd, FilterOr, FilterNot:
		t.lit("&|!"[f.Kind : f.Kind+1])
		for i := range f.Children {
			if t.filter(&f.Children[i]); t.cut {
				return
			}
		}
	case FilterPresent:
		t.name(f.Attr)
		t.lit("=*")
	case FilterSubstrings:
		t.name(f.Attr)
		t.lit("=")
		t.substrings(f)
	case FilterExtensible:
		t.extensible(f)
	default:
		t.name(f.Attr)
		switch f.Kind {
		case FilterGreaterOrEqual:
			t.lit(">")
		case FilterLessOrEqual:
			t.lit("<")
		case FilterApprox:
			t.lit("~")
		}
		t.lit("=")
		t.value(f.Attr, f.Value)
	}
	t.lit(")")
}

func (t *filterText) substrings(f *Filter) {
	if len(f.Substrings) == 0 {
		t.lit("**")
		return
	}
	if f.Substrings[0].Kind != SubInitial {
		t.lit("*")
	}
	for _, s := range f.Substrings {
		if t.full() {
			return
		}
		t.value(f.Attr, s.Value)
		if s.Kind != SubFinal {
			t.lit("*")
		}
	}
}

func (t *filterText) extensible(f *Filter) {
	t.name(f.Attr)
	if f.DNAttrs {
		t.lit(":dn")
	}
	if f.Rule != "" {
		t.lit(":")
		t.name(f.Rule)
	}
	t.lit(":=")
	t.value(f.Attr, f.Value)
}

// name writes an attribute description; what a hostile client put there that
// could break a line or a filter is escaped as in a value.
func (t *filterText) name(s string) { t.escape(s) }

func (t *filterText) value(attr, s string) {
	if t.mask != nil && t.mask(attr) {
		t.lit("***")
		return
	}
	t.escape(s)
}

// escape writes a value as RFC 4515 section 3 wants it. What does not print is
// escaped as well, so that the text stays one line and in reading order. Whole
// runes only.
func (t *filterText) escape(s string) {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s) && !t.full(); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError && unicode.IsPrint(r) {
				t.dst = append(t.dst, s[i:i+n]...)
				i += n
				continue
			}
		}
		if c < 0x20 || c >= 0x7f || c == '(' || c == ')' || c == '*' || c == '\\' {
			t.dst = append(t.dst, '\\', hex[c>>4], hex[c&15])
		} else {
			t.dst = append(t.dst, c)
		}
		i++
	}
}
