package ldap

import "strings"

// AttributeType names one of the attribute types that carry group membership
// and identity; everything else is Other and stays opaque.
type AttributeType uint8

// The types that the proxy knows, RFC 4519 and RFC 2307.
const (
	Other AttributeType = iota
	ObjectClass
	CommonName
	OrganizationalUnit
	Member
	UniqueMember
	MemberUID
	GIDNumber
	UserID
	UserPassword
	EntryUUID
)

var attributeNames = [...]struct {
	typ        AttributeType
	name, long string
	oid        string
}{
	{ObjectClass, "objectClass", "", "2.5.4.0"},
	{CommonName, "cn", "commonName", "2.5.4.3"},
	{OrganizationalUnit, "ou", "organizationalUnitName", "2.5.4.11"},
	{Member, "member", "", "2.5.4.31"},
	{UniqueMember, "uniqueMember", "", "2.5.4.50"},
	{MemberUID, "memberUid", "", "1.3.6.1.1.1.1.12"},
	{GIDNumber, "gidNumber", "", "1.3.6.1.1.1.1.1"},
	{UserID, "uid", "userid", "0.9.2342.19200300.100.1.1"},
	{UserPassword, "userPassword", "", "2.5.4.35"},
	{EntryUUID, "entryUUID", "", "1.3.6.1.1.16.4"},
}

// AttributeTypeOf returns the type of an attribute description, given by name
// in any case or by OID, and its options with the leading semicolon.
func AttributeTypeOf(description string) (typ AttributeType, options string) {
	name := description
	if i := strings.IndexByte(description, ';'); i >= 0 {
		name, options = description[:i], description[i:]
	}
	for i := range attributeNames {
		a := &attributeNames[i]
		// Lengths first: most names are none of these, and this is asked of
		// every attribute of every entry that is translated.
		if len(name) == len(a.name) && strings.EqualFold(name, a.name) || name == a.oid ||
			len(name) == len(a.long) && a.long != "" && strings.EqualFold(name, a.long) {
			return a.typ, options
		}
	}
	return Other, options
}

// SameAttributeType compares two attribute types without options.
func SameAttributeType(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	ta, _ := AttributeTypeOf(a)
	tb, _ := AttributeTypeOf(b)
	if ta != Other || tb != Other {
		return ta == tb
	}
	return strings.EqualFold(AttributeName(a), AttributeName(b))
}

// otherOIDs are the OIDs of further attributes of users and groups, which a
// client may use in place of the name (RFC 4519, RFC 4524, RFC 2798, RFC 2307).
var otherOIDs = map[string]string{
	"2.5.4.4": "sn", "2.5.4.7": "l", "2.5.4.10": "o", "2.5.4.12": "title", "2.5.4.13": "description",
	"2.5.4.15": "businessCategory", "2.5.4.20": "telephoneNumber", "2.5.4.32": "owner", "2.5.4.34": "seeAlso",
	"2.5.4.42": "givenName", "2.5.4.43": "initials", "0.9.2342.19200300.100.1.3": "mail",
	"0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.41": "mobile",
	"1.2.840.113556.1.2.102": "memberOf", "1.3.6.1.1.1.1.0": "uidNumber", "1.3.6.1.1.1.1.3": "homeDirectory",
	"1.3.6.1.1.1.1.4": "loginShell", "1.3.6.1.1.20": "entryDN",
	"2.16.840.1.113730.3.1.2": "departmentNumber", "2.16.840.1.113730.3.1.3": "employeeNumber",
	"2.16.840.1.113730.3.1.4": "employeeType", "2.16.840.1.113730.3.1.241": "displayName",
}

// otherLongNames are the long names of attributes that DNs are made of, in
// lower case (RFC 4519).
var otherLongNames = map[string]string{
	"surname": "sn", "organizationname": "o", "localityname": "l", "domaincomponent": "dc",
}

// AttributeName returns the usual name of an attribute type given by name,
// long name or OID, and the type itself where it is not known.
func AttributeName(typ string) string {
	if known, ok := otherOIDs[typ]; ok {
		return known
	}
	if known, ok := otherLongNames[strings.ToLower(typ)]; ok {
		return known
	}
	if t, _ := AttributeTypeOf(typ); t != Other {
		return attributeNames[t-1].name
	}
	return typ
}

// Object classes with a role in the translation, by name and OID.
var classOIDs = map[string]string{
	"groupofnames":       "2.5.6.9",
	"groupofuniquenames": "2.5.6.17",
	"posixgroup":         "1.3.6.1.1.1.2.2",
}

// IsClass tells whether value names the object class, by name in any case or
// by OID.
func IsClass(value, class string) bool {
	return strings.EqualFold(value, class) || value != "" && value == classOIDs[strings.ToLower(class)]
}
