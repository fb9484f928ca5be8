package directory

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// errSyntax says that a value does not have its attribute's syntax. In a
// filter that makes the item Undefined (RFC 4511 section 4.5.1.7), in a compare
// it is invalidAttributeSyntax.
var errSyntax = errors.New("value does not conform to assertion syntax")

// part says where in a value a normalised string stands: the pieces of a
// substring assertion keep spaces at their open ends (RFC 4518 section 2.6.1).
type part int

const (
	whole part = iota
	initial
	middle
	final
)

// rule is a matching rule (RFC 4517 section 4). Two values match when their
// normal forms are equal strings.
type rule struct {
	name, oid string
	syntax    string // rules of one syntax can stand in for each other in an extensible match
	normalize func(s *schema, value string, p part) (string, error)
}

var (
	caseIgnore   = &rule{"caseIgnoreMatch", "2.5.13.2", "directoryString", normalizeFolded}
	caseExact    = &rule{"caseExactMatch", "2.5.13.5", "directoryString", normalizeExact}
	ignoreIA5    = &rule{"caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2", "ia5String", normalizeFoldedIA5}
	exactIA5     = &rule{"caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1", "ia5String", normalizeExactIA5}
	nameMatch    = &rule{"distinguishedNameMatch", "2.5.13.1", "dn", normalizeName}
	uniqueMember = &rule{"uniqueMemberMatch", "2.5.13.23", "nameAndOptionalUID", normalizeName}
	integer      = &rule{"integerMatch", "2.5.13.14", "integer", normalizeInteger}
	boolean      = &rule{"booleanMatch", "2.5.13.13", "boolean", normalizeBoolean}
	objectID     = &rule{"objectIdentifierMatch", "2.5.13.0", "oid", normalizeClass}
	telephone    = &rule{"telephoneNumberMatch", "2.5.13.20", "telephoneNumber", normalizeTelephone}
	octets       = &rule{"octetStringMatch", "2.5.13.17", "octetString", normalizeOctets}
	timestamp    = &rule{"generalizedTimeMatch", "2.5.13.27", "generalizedTime", normalizeTime}
	uuidMatch    = &rule{"UUIDMatch", "1.3.6.1.1.16.2", "uuid", normalizeUUID}
)

var rules = []*rule{
	caseIgnore, caseExact, ignoreIA5, exactIA5, nameMatch, uniqueMember, integer,
	boolean, objectID, telephone, octets, timestamp, uuidMatch,
}

func findRule(nameOrOID string) *rule {
	for _, r := range rules {
		if strings.EqualFold(r.name, nameOrOID) || r.oid == nameOrOID {
			return r
		}
	}
	return nil
}

func normalizeExact(_ *schema, v string, p part) (string, error) {
	// An empty string is no Directory String (RFC 4517 section 3.3.6).
	if v == "" || !utf8.ValidString(v) {
		return "", errSyntax
	}
	return foldSpaces(v, p), nil
}

func normalizeFolded(s *schema, v string, p part) (string, error) {
	v, err := normalizeExact(s, v, p)
	if err != nil {
		return "", err
	}
	return strings.Map(unicode.ToLower, v), nil
}

func normalizeExactIA5(_ *schema, v string, p part) (string, error) {
	for i := 0; i < len(v); i++ {
		if v[i] >= 0x80 {
			return "", errSyntax
		}
	}
	if v == "" {
		return "", nil
	}
	return foldSpaces(v, p), nil
}

func normalizeFoldedIA5(s *schema, v string, p part) (string, error) {
	v, err := normalizeExactIA5(s, v, p)
	return strings.ToLower(v), err
}

// foldSpaces makes runs of spaces one space and trims the ends, except the ends
// of a substring piece at which more text may follow. A value of spaces only
// becomes one space. This is slapd's UTF8StringNormalize.
func foldSpaces(v string, p part) string {
	var b strings.Builder
	b.Grow(len(v))
	space := p == whole || p == initial
	for i := 0; i < len(v); i++ {
		if v[i] == ' ' && space {
			continue
		}
		space = v[i] == ' '
		b.WriteByte(v[i])
	}
	out := b.String()
	if p == whole || p == final {
		out = strings.TrimSuffix(out, " ")
	}
	if out == "" {
		return " "
	}
	return out
}

func normalizeName(s *schema, v string, p part) (string, error) {
	if p != whole {
		return "", errSyntax
	}
	name, err := s.parseDN(v)
	if err != nil {
		return "", errSyntax
	}
	return name.key(), nil
}

func normalizeInteger(_ *schema, v string, _ part) (string, error) {
	digits := strings.TrimPrefix(v, "-")
	if digits == "" || (digits[0] == '0' && v != "0") || strings.Trim(digits, "0123456789") != "" {
		return "", errSyntax
	}
	return v, nil
}

// lessInteger orders two normal integers of any length.
func lessInteger(a, b string) bool {
	aNegative, bNegative := strings.HasPrefix(a, "-"), strings.HasPrefix(b, "-")
	switch {
	case aNegative != bNegative:
		return aNegative
	case aNegative:
		a, b = b[1:], a[1:]
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

func normalizeBoolean(_ *schema, v string, _ part) (string, error) {
	if v != "TRUE" && v != "FALSE" {
		return "", errSyntax
	}
	return v, nil
}

// normalizeClass takes an object class by name or OID. A class that the schema
// does not know cannot be compared.
func normalizeClass(s *schema, v string, _ part) (string, error) {
	c := s.class(v)
	if c == nil {
		return "", errSyntax
	}
	return strings.ToLower(c.name), nil
}

// normalizeTelephone ignores spaces and hyphens (RFC 4518 section 2.6.3).
func normalizeTelephone(_ *schema, v string, _ part) (string, error) {
	if v == "" {
		return "", errSyntax
	}
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(v)), nil
}

func normalizeOctets(_ *schema, v string, _ part) (string, error) { return v, nil }

// normalizeTime accepts the one form that the directory itself writes,
// YYYYmmddHHMMSSZ.
func normalizeTime(_ *schema, v string, _ part) (string, error) {
	if len(v) != len("20060102150405Z") || v[14] != 'Z' || strings.Trim(v[:14], "0123456789") != "" {
		return "", errSyntax
	}
	return v, nil
}

func normalizeUUID(_ *schema, v string, _ part) (string, error) {
	if len(v) != 36 {
		return "", errSyntax
	}
	id, err := uuid.Parse(v)
	if err != nil {
		return "", errSyntax
	}
	return id.String(), nil
}
