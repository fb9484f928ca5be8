package ldap

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/ber"
)

// DN is a distinguished name, RFC 4514, the entry's own RDN first.
type DN []RDN

// RDN is one relative distinguished name: one assertion, rarely more.
type RDN []AVA

// AVA is an attribute type and its unescaped value.
type AVA struct{ Type, Value string }

// maxAVAs bounds one RDN, because RDNs are compared as sets.
const maxAVAs = 64

var errDN = errors.New("not a distinguished name")

// ParseDN parses a DN as clients write it: spaces around separators are
// ignored, values are unescaped. The empty string is the empty DN.
func ParseDN(s string) (DN, error) {
	var dn DN
	// Only the front of the rest is looked at: a DN of many RDNs with many
	// spaces at its end must not be searched for an end once per RDN.
	for rest := strings.TrimLeft(s, " "); rest != ""; {
		var rdn RDN
		for more := true; more; {
			ava, tail, sep, err := parseAVA(rest)
			if err != nil {
				return nil, err
			}
			if rdn = append(rdn, ava); len(rdn) > maxAVAs {
				return nil, errDN
			}
			more = sep == '+'
			rest = strings.TrimLeft(tail, " ")
			if sep != 0 && rest == "" {
				return nil, errDN
			}
		}
		dn = append(dn, rdn)
	}
	return dn, nil
}

// parseAVA reads `type=value` up to an unescaped separator, which it returns.
func parseAVA(s string) (ava AVA, rest string, sep byte, err error) {
	typ, after, ok := strings.Cut(s, "=")
	ava.Type = strings.Trim(typ, " ")
	if !ok || !validType(ava.Type) {
		return ava, "", 0, errDN
	}
	after = strings.TrimLeft(after, " ")
	end := 0
	for end < len(after) && after[end] != ',' && after[end] != '+' {
		if after[end] == '\\' {
			end++
		}
		end++
	}
	if end > len(after) {
		return ava, "", 0, errDN
	}
	if end < len(after) {
		sep, rest = after[end], after[end+1:]
	}
	ava.Value, err = unescapeDNValue(after[:end])
	return ava, rest, sep, err
}

func validType(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alpha := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alpha && !(c >= '0' && c <= '9') && !(i > 0 && (c == '-' || c == '.')) {
			return false
		}
	}
	return true
}

func unescapeDNValue(s string) (string, error) {
	if strings.HasPrefix(s, "#") {
		return hexDNValue(strings.TrimRight(s, " "))
	}
	if strings.IndexByte(s, '\\') < 0 {
		s = strings.TrimRight(s, " ")
		if strings.ContainsAny(s, "\"<>;\x00") {
			return "", errDN
		}
		return s, nil
	}
	out, kept := make([]byte, 0, len(s)), 0
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			if strings.IndexByte("\"<>;\x00", s[i]) >= 0 {
				return "", errDN
			}
			if out = append(out, s[i]); s[i] != ' ' {
				kept = len(out)
			}
			continue
		}
		if i++; i >= len(s) {
			return "", errDN
		}
		if strings.IndexByte(` "#+,;<=>\`, s[i]) >= 0 {
			out = append(out, s[i])
		} else {
			if i+1 >= len(s) {
				return "", errDN
			}
			b, err := hex.DecodeString(s[i : i+2])
			if err != nil {
				return "", errDN
			}
			out, i = append(out, b[0]), i+1
		}
		kept = len(out)
	}
	return string(out[:kept]), nil
}

// hexDNValue decodes the #hexstring form of a string type. Another type has no
// value that a string could stand for: written again, or compared, it would be
// taken for the text that begins with a number sign.
func hexDNValue(s string) (string, error) {
	raw, err := hex.DecodeString(s[1:])
	if err != nil || len(raw) == 0 {
		return "", errDN
	}
	r := ber.Read(raw)
	tag, contents, err := r.Next()
	if err != nil || !r.Empty() {
		return "", errDN
	}
	switch tag {
	case ber.OctetString, 0x0c, 0x13, 0x16: // OCTET STRING, UTF8String, PrintableString, IA5String
		return string(contents), nil
	}
	return "", errDN
}

// PlainInDN tells whether a value stands for itself in a DN: nothing to escape
// and nothing that could be an escape. It knows only the usual values, letters,
// digits and ".-_"; others may need nothing either.
func PlainInDN[T ber.Bytes](value T) bool {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// AppendDNValue appends a value escaped for a DN, RFC 4514 section 2.4. What is
// not UTF-8 is escaped too, for the text of a DN has to be.
func AppendDNValue[T ber.Bytes](dst []byte, value T) []byte {
	const hexDigits = "0123456789abcdef"
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c >= utf8.RuneSelf {
			if n := runeSize(value, i); n > 1 {
				dst = append(dst, value[i:i+n]...)
				i += n - 1
				continue
			}
		}
		switch {
		case c < 0x20 || c >= 0x7f:
			dst = append(dst, '\\', hexDigits[c>>4], hexDigits[c&15])
		case c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' || c == '\\' || c == '=',
			c == '#' && i == 0, c == ' ' && (i == 0 || i == len(value)-1):
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// runeSize is the size of the rune at i, 1 where there is none.
func runeSize[T ber.Bytes](value T, i int) int {
	_, n := utf8.DecodeRuneInString(string(value[i:min(len(value), i+utf8.UTFMax)]))
	return n
}

// Append appends the RFC 4514 text of the DN.
func (d DN) Append(dst []byte) []byte {
	for i, rdn := range d {
		if i > 0 {
			dst = append(dst, ',')
		}
		for j, ava := range rdn {
			if j > 0 {
				dst = append(dst, '+')
			}
			dst = append(append(dst, ava.Type...), '=')
			dst = AppendDNValue(dst, ava.Value)
		}
	}
	return dst
}

// String returns the RFC 4514 text.
func (d DN) String() string { return string(d.Append(nil)) }

// Equal compares as distinguishedNameMatch does for names made of directory
// strings: types and values without regard to case and repeated spaces.
func (d DN) Equal(e DN) bool {
	if len(d) != len(e) {
		return false
	}
	for i := range d {
		if !d[i].equal(e[i]) {
			return false
		}
	}
	return true
}

// equal compares sets, so that it asks both ways: an RDN that says the same
// twice must not equal one that says two things.
func (r RDN) equal(s RDN) bool {
	return len(r) == len(s) && r.in(s) && (len(r) == 1 || s.in(r))
}

func (r RDN) in(s RDN) bool {
	for _, a := range r {
		if !slices.ContainsFunc(s, a.equal) {
			return false
		}
	}
	return true
}

func (a AVA) equal(b AVA) bool {
	return SameAttributeType(a.Type, b.Type) && FoldValue(a.Value) == FoldValue(b.Value)
}

// Below tells whether d is base or lies under it.
func (d DN) Below(base DN) bool {
	return len(d) >= len(base) && d[len(d)-len(base):].Equal(base)
}

// Parent returns the DN without its first RDN.
func (d DN) Parent() DN {
	if len(d) == 0 {
		return nil
	}
	return d[1:]
}

// FoldValue prepares a directory string for caseIgnoreMatch (RFC 4518): lower
// case, no outer spaces, inner runs of spaces as one.
func FoldValue(s string) string {
	if isFolded(s) {
		return s
	}
	return string(AppendFolded(make([]byte, 0, len(s)), s))
}

func isFolded(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c < 0x20 ||
			c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// AppendFolded appends FoldValue(value).
func AppendFolded[T ber.Bytes](dst []byte, value T) []byte {
	start, space := len(dst), false
	for i := 0; i < len(value); {
		r, n := rune(value[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(string(value[i:min(len(value), i+utf8.UTFMax)]))
			if r == utf8.RuneError && n <= 1 {
				if space {
					dst, space = append(dst, ' '), false
				}
				dst, i = append(dst, value[i]), i+1
				continue
			}
		}
		i += n
		if unicode.IsSpace(r) {
			space = len(dst) > start
			continue
		}
		if space {
			dst, space = append(dst, ' '), false
		}
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	}
	return dst
}
