package ldap

import "unicode/utf8"

// String returns the RFC 4515 text of f.
func (f *Filter) String() string {
	return string(f.AppendText(make([]byte, 0, 128), -1, nil))
}

// AppendText appends the RFC 4515 text of f. It stops soon after max octets
// were appended (negative: never), so that the text of a filter of a megabyte
// costs little; the cut is marked with an ellipsis. Values of attributes for
// which mask answers true are written as ***.
func (f *Filter) AppendText(dst []byte, max int, mask func(attr string) bool) []byte {
	t := filterText{dst: dst, end: -1, mask: mask}
	if max >= 0 {
		t.end = len(dst) + max
	}
	t.filter(f)
	if t.full() {
		t.dst = append(t.dst, "…"...)
	}
	return t.dst
}

type filterText struct {
	dst  []byte
	end  int
	mask func(string) bool
}

func (t *filterText) full() bool { return t.end >= 0 && len(t.dst) >= t.end }

func (t *filterText) filter(f *Filter) {
	if t.full() {
		return
	}
	t.dst = append(t.dst, '(')
	switch f.Kind {
	case FilterAnd, FilterOr, FilterNot:
		t.dst = append(t.dst, "&|!"[f.Kind])
		for i := range f.Children {
			t.filter(&f.Children[i])
		}
	case FilterPresent:
		t.name(f.Attr)
		t.dst = append(t.dst, '=', '*')
	case FilterSubstrings:
		t.name(f.Attr)
		t.dst = append(t.dst, '=')
		t.substrings(f)
	case FilterExtensible:
		t.extensible(f)
	default:
		t.name(f.Attr)
		switch f.Kind {
		case FilterGreaterOrEqual:
			t.dst = append(t.dst, '>')
		case FilterLessOrEqual:
			t.dst = append(t.dst, '<')
		case FilterApprox:
			t.dst = append(t.dst, '~')
		}
		t.dst = append(t.dst, '=')
		t.value(f.Attr, f.Value)
	}
	t.dst = append(t.dst, ')')
}

func (t *filterText) substrings(f *Filter) {
	if len(f.Substrings) == 0 {
		t.dst = append(t.dst, "**"...)
		return
	}
	if f.Substrings[0].Kind != SubInitial {
		t.dst = append(t.dst, '*')
	}
	for _, s := range f.Substrings {
		t.value(f.Attr, s.Value)
		if s.Kind != SubFinal {
			t.dst = append(t.dst, '*')
		}
	}
}

func (t *filterText) extensible(f *Filter) {
	t.name(f.Attr)
	if f.DNAttrs {
		t.dst = append(t.dst, ":dn"...)
	}
	if f.Rule != "" {
		t.dst = append(t.dst, ':')
		t.name(f.Rule)
	}
	t.dst = append(t.dst, ':', '=')
	t.value(f.Attr, f.Value)
}

// name writes an attribute description; what a hostile client put there that
// could break a line or a filter is escaped as in a value.
func (t *filterText) name(s string) { t.escape(s) }

func (t *filterText) value(attr, s string) {
	if t.mask != nil && t.mask(attr) {
		t.dst = append(t.dst, "***"...)
		return
	}
	t.escape(s)
}

// escape writes a value as RFC 4515 section 3 wants it, and control characters
// escaped as well, so that the text stays one line. Whole runes only.
func (t *filterText) escape(s string) {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s) && !t.full(); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError && r != '\u2028' && r != '\u2029' && r >= 0xa0 {
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
