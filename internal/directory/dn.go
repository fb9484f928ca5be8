package directory

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

var errDN = errors.New("invalid DN")

// dn is a parsed distinguished name, leaf first, as it is written.
type dn []rdn

// rdn is one component: usually one assertion, several when joined by "+".
type rdn []ava

type ava struct {
	typ   *attributeType
	value string // as written, unescaped
	norm  string // in the normal form of typ's equality rule
}

// key is a form in which two DNs are equal exactly when their strings are, and
// in which one DN lies below another exactly when it ends in "," and the other.
func (d dn) key() string {
	parts := make([]string, len(d))
	for i, r := range d {
		avas := make([]string, len(r))
		for j, a := range r {
			avas[j] = strings.ToLower(a.typ.name) + "=" + keyEscaper.Replace(a.norm)
		}
		slices.Sort(avas)
		parts[i] = strings.Join(avas, "+")
	}
	return strings.Join(parts, ",")
}

var keyEscaper = strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`)

// parseDN reads the string form of RFC 4514. Like slapd it refuses attribute
// types that the schema does not know. The empty string is the empty DN.
func (s *schema) parseDN(text string) (dn, error) {
	if strings.Trim(text, " ") == "" {
		return nil, nil
	}
	var name dn
	for rest, more := text, true; more; {
		var (
			component rdn
			end       byte
		)
		for {
			var (
				a   ava
				err error
			)
			a, rest, end, err = s.parseAVA(rest)
			if err != nil {
				return nil, err
			}
			component = append(component, a)
			if end != '+' {
				break
			}
		}
		name = append(name, component)
		more = end == ','
	}
	return name, nil
}

// parseAVA reads "type=value" and returns what follows the separator behind it;
// end is that separator, 0 at the end of the text.
func (s *schema) parseAVA(text string) (a ava, rest string, end byte, err error) {
	typ, text, ok := strings.Cut(text, "=")
	if !ok {
		return ava{}, "", 0, errDN
	}
	if a.typ = s.attribute(strings.Trim(typ, " ")); a.typ == nil || a.typ.equality == nil {
		return ava{}, "", 0, errDN
	}
	raw, rest, end := cutValue(strings.TrimLeft(text, " "))
	if a.value, err = unescapeValue(raw); err != nil || a.value == "" {
		return ava{}, "", 0, errDN
	}
	if a.norm, err = a.typ.equality.normalize(s, a.value, whole); err != nil {
		return ava{}, "", 0, errDN
	}
	return a, rest, end, nil
}

// cutValue splits text at the first separator that is not escaped.
func cutValue(text string) (value, rest string, end byte) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',', '+':
			return text[:i], text[i+1:], text[i]
		}
	}
	return text, "", 0
}

// unescapeValue undoes the escaping of RFC 4514 section 2.4 and drops trailing
// spaces that are not escaped.
func unescapeValue(raw string) (string, error) {
	if strings.HasPrefix(raw, "#") {
		return decodeHexValue(raw[1:])
	}
	var b strings.Builder
	keep := 0 // bytes that trimming must not touch
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case strings.IndexByte("\"<>;\x00", c) >= 0:
			return "", errDN
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(raw) && strings.IndexByte(` "#+,;<=>\`, raw[i+1]) >= 0:
			i++
			b.WriteByte(raw[i])
			keep = b.Len()
		default:
			if i+2 >= len(raw) {
				return "", errDN
			}
			octet, err := hex.DecodeString(raw[i+1 : i+3])
			if err != nil {
				return "", errDN
			}
			b.Write(octet)
			keep = b.Len()
			i += 2
		}
	}
	out := b.String()
	return out[:keep] + strings.TrimRight(out[keep:], " "), nil
}

// decodeHexValue reads a value written as the hexadecimal of its BER encoding.
func decodeHexValue(text string) (string, error) {
	octets, err := hex.DecodeString(strings.TrimRight(text, " "))
	if err != nil || checkShape(octets) != nil {
		return "", errDN
	}
	p, err := ber.DecodePacketErr(octets)
	if err != nil || p.TagType != ber.TypePrimitive {
		return "", errDN
	}
	return p.Data.String(), nil
}
