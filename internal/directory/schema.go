package directory

import (
	"strings"
)

// attributeType is the part of an attribute's definition that decides how the
// server treats it (RFC 4512 section 4.1.2).
type attributeType struct {
	name        string
	oid         string
	sup         string // supertype: a filter on it also looks at this type
	equality    *rule
	substrings  bool
	ordering    bool
	operational bool
	computed    bool // not part of the stored entry: a match on no type in particular passes it by
}

type classKind int

const (
	abstract classKind = iota
	structural
	auxiliary
)

type objectClass struct {
	name, oid, sup string
	kind           classKind
}

// schema holds the definitions of one directory: the built-in ones and those
// that its LDIF made necessary.
type schema struct {
	attributes map[string]*attributeType // by lower-case name and by OID
	classes    map[string]*objectClass
}

func newSchema() *schema {
	s := &schema{
		attributes: make(map[string]*attributeType),
		classes:    make(map[string]*objectClass),
	}
	for i := range attributeTypes {
		s.addAttribute(&attributeTypes[i])
	}
	for _, alias := range [][2]string{
		{"commonName", "cn"}, {"surname", "sn"}, {"gn", "givenName"}, {"userid", "uid"},
		{"rfc822Mailbox", "mail"}, {"organizationName", "o"}, {"organizationalUnitName", "ou"},
		{"localityName", "l"}, {"domainComponent", "dc"}, {"countryName", "c"},
		{"stateOrProvinceName", "st"}, {"streetAddress", "street"}, {"fax", "facsimileTelephoneNumber"},
		{"mobileTelephoneNumber", "mobile"}, {"pagerTelephoneNumber", "pager"}, {"homeTelephoneNumber", "homePhone"},
	} {
		s.attributes[strings.ToLower(alias[0])] = s.attributes[strings.ToLower(alias[1])]
	}
	for i := range objectClasses {
		s.addClass(&objectClasses[i])
	}
	return s
}

func (s *schema) addAttribute(t *attributeType) {
	s.attributes[strings.ToLower(t.name)] = t
	if t.oid != "" {
		s.attributes[t.oid] = t
	}
}

func (s *schema) addClass(c *objectClass) {
	s.classes[strings.ToLower(c.name)] = c
	if c.oid != "" {
		s.classes[c.oid] = c
	}
}

// attribute finds a type by name in any case or by OID, nil when unknown.
func (s *schema) attribute(nameOrOID string) *attributeType {
	return s.attributes[strings.ToLower(nameOrOID)]
}

func (s *schema) class(nameOrOID string) *objectClass {
	return s.classes[strings.ToLower(nameOrOID)]
}

// isSubtype reports whether t is super or derived from it.
func (s *schema) isSubtype(t, super *attributeType) bool {
	for t != nil && t != super {
		t = s.attribute(t.sup)
	}
	return t == super
}

// isSubclass reports whether the class named name is super or derived from it.
// Both are lower-case names.
func (s *schema) isSubclass(name, super string) bool {
	for name != super {
		c := s.classes[name]
		if c == nil || c.sup == "" {
			return false
		}
		name = strings.ToLower(c.sup)
	}
	return true
}

// description is an attribute type with options (RFC 4512 section 2.5).
type description struct {
	typ     *attributeType
	options []string // lower case
}

// describe parses an attribute description. It reports false for a type or an
// option that the server does not know; language tags are the options that
// slapd knows by default.
func (s *schema) describe(text string) (description, bool) {
	name, rest, more := strings.Cut(text, ";")
	d := description{typ: s.attribute(name)}
	if d.typ == nil {
		return description{}, false
	}
	for more {
		var option string
		option, rest, more = strings.Cut(rest, ";")
		option = strings.ToLower(option)
		if !strings.HasPrefix(option, "lang-") {
			return description{}, false
		}
		d.options = append(d.options, option)
	}
	return d, true
}

// learn returns the type of an attribute in the LDIF. A name that no built-in
// definition has becomes a text attribute, so that a test can add an entry of a
// kind that nobody thought of.
func (s *schema) learn(name string) *attributeType {
	if t := s.attribute(name); t != nil {
		return t
	}
	t := &attributeType{name: name, equality: caseIgnore, substrings: true}
	s.addAttribute(t)
	return t
}

func (s *schema) learnClass(name string) {
	if s.class(name) == nil {
		s.addClass(&objectClass{name: name, sup: "top", kind: auxiliary})
	}
}

// attributeTypes are the types of OpenLDAP's core, cosine, inetorgperson and nis
// schemas that JumpCloud's entries use, JumpCloud's own, and the operational
// ones, with slapd's matching rules. memberOf is an ordinary attribute:
// JumpCloud returns it without being asked for it by name.
var attributeTypes = []attributeType{
	{name: "objectClass", oid: "2.5.4.0", equality: objectID},
	{name: "name", oid: "2.5.4.41", equality: caseIgnore, substrings: true},
	{name: "distinguishedName", oid: "2.5.4.49", equality: nameMatch},
	{name: "cn", oid: "2.5.4.3", sup: "name", equality: caseIgnore, substrings: true},
	{name: "sn", oid: "2.5.4.4", sup: "name", equality: caseIgnore, substrings: true},
	{name: "c", oid: "2.5.4.6", sup: "name", equality: caseIgnore, substrings: true},
	{name: "l", oid: "2.5.4.7", sup: "name", equality: caseIgnore, substrings: true},
	{name: "st", oid: "2.5.4.8", sup: "name", equality: caseIgnore, substrings: true},
	{name: "o", oid: "2.5.4.10", sup: "name", equality: caseIgnore, substrings: true},
	{name: "ou", oid: "2.5.4.11", sup: "name", equality: caseIgnore, substrings: true},
	{name: "title", oid: "2.5.4.12", sup: "name", equality: caseIgnore, substrings: true},
	{name: "givenName", oid: "2.5.4.42", sup: "name", equality: caseIgnore, substrings: true},
	{name: "initials", oid: "2.5.4.43", sup: "name", equality: caseIgnore, substrings: true},
	{name: "street", oid: "2.5.4.9", equality: caseIgnore, substrings: true},
	{name: "description", oid: "2.5.4.13", equality: caseIgnore, substrings: true},
	{name: "businessCategory", oid: "2.5.4.15", equality: caseIgnore, substrings: true},
	{name: "postalCode", oid: "2.5.4.17", equality: caseIgnore, substrings: true},
	{name: "postOfficeBox", oid: "2.5.4.18", equality: caseIgnore, substrings: true},
	{name: "physicalDeliveryOfficeName", oid: "2.5.4.19", equality: caseIgnore, substrings: true},
	{name: "telephoneNumber", oid: "2.5.4.20", equality: telephone, substrings: true},
	{name: "facsimileTelephoneNumber", oid: "2.5.4.23"},
	{name: "member", oid: "2.5.4.31", sup: "distinguishedName", equality: nameMatch},
	{name: "owner", oid: "2.5.4.32", sup: "distinguishedName", equality: nameMatch},
	{name: "seeAlso", oid: "2.5.4.34", sup: "distinguishedName", equality: nameMatch},
	{name: "uniqueMember", oid: "2.5.4.50", equality: uniqueMember},
	{name: "userPassword", oid: "2.5.4.35", equality: octets},
	{name: "uid", oid: "0.9.2342.19200300.100.1.1", equality: caseIgnore, substrings: true},
	{name: "mail", oid: "0.9.2342.19200300.100.1.3", equality: ignoreIA5, substrings: true},
	{name: "manager", oid: "0.9.2342.19200300.100.1.10", equality: nameMatch},
	{name: "homePhone", oid: "0.9.2342.19200300.100.1.20", equality: telephone, substrings: true},
	{name: "dc", oid: "0.9.2342.19200300.100.1.25", equality: ignoreIA5, substrings: true},
	{name: "mobile", oid: "0.9.2342.19200300.100.1.41", equality: telephone, substrings: true},
	{name: "pager", oid: "0.9.2342.19200300.100.1.42", equality: telephone, substrings: true},
	{name: "departmentNumber", oid: "2.16.840.1.113730.3.1.2", equality: caseIgnore, substrings: true},
	{name: "employeeNumber", oid: "2.16.840.1.113730.3.1.3", equality: caseIgnore, substrings: true},
	{name: "employeeType", oid: "2.16.840.1.113730.3.1.4", equality: caseIgnore, substrings: true},
	{name: "preferredLanguage", oid: "2.16.840.1.113730.3.1.39", equality: caseIgnore, substrings: true},
	{name: "displayName", oid: "2.16.840.1.113730.3.1.241", equality: caseIgnore, substrings: true},
	{name: "labeledURI", oid: "1.3.6.1.4.1.250.1.57", equality: caseExact},
	{name: "uidNumber", oid: "1.3.6.1.1.1.1.0", equality: integer, ordering: true},
	{name: "gidNumber", oid: "1.3.6.1.1.1.1.1", equality: integer, ordering: true},
	{name: "gecos", oid: "1.3.6.1.1.1.1.2", equality: ignoreIA5, substrings: true},
	{name: "homeDirectory", oid: "1.3.6.1.1.1.1.3", equality: exactIA5},
	{name: "loginShell", oid: "1.3.6.1.1.1.1.4", equality: exactIA5},
	{name: "memberUid", oid: "1.3.6.1.1.1.1.12", equality: exactIA5, substrings: true},
	{name: "jcLdapAdmin", oid: "1.3.6.1.4.1.55555.1.1", equality: boolean},
	{name: "memberOf", oid: "1.3.6.1.4.1.55555.1.2", equality: nameMatch},
	{name: "company", oid: "1.3.6.1.4.1.55555.1.3", equality: caseIgnore, substrings: true},

	{name: "structuralObjectClass", oid: "2.5.21.9", equality: objectID, operational: true},
	{name: "createTimestamp", oid: "2.5.18.1", equality: timestamp, ordering: true, operational: true},
	{name: "modifyTimestamp", oid: "2.5.18.2", equality: timestamp, ordering: true, operational: true},
	{name: "hasSubordinates", oid: "2.5.18.9", equality: boolean, operational: true, computed: true},
	{name: "subschemaSubentry", oid: "2.5.18.10", equality: nameMatch, operational: true, computed: true},
	{name: "entryUUID", oid: "1.3.6.1.1.16.4", equality: uuidMatch, operational: true},
	{name: "entryDN", oid: "1.3.6.1.1.20", equality: nameMatch, operational: true, computed: true},
	{name: "namingContexts", oid: "1.3.6.1.4.1.1466.101.120.5", operational: true},
	{name: "supportedExtension", oid: "1.3.6.1.4.1.1466.101.120.7", operational: true},
	{name: "supportedControl", oid: "1.3.6.1.4.1.1466.101.120.13", operational: true},
	{name: "supportedLDAPVersion", oid: "1.3.6.1.4.1.1466.101.120.15", operational: true},
	{name: "supportedFeatures", oid: "1.3.6.1.4.1.4203.1.3.5", operational: true},
	{name: "attributeTypes", oid: "2.5.21.5", operational: true},
	{name: "objectClasses", oid: "2.5.21.6", operational: true},
}

var objectClasses = []objectClass{
	{"top", "2.5.6.0", "", abstract},
	{"organization", "2.5.6.4", "top", structural},
	{"organizationalUnit", "2.5.6.5", "top", structural},
	{"person", "2.5.6.6", "top", structural},
	{"organizationalPerson", "2.5.6.7", "person", structural},
	{"groupOfNames", "2.5.6.9", "top", structural},
	{"groupOfUniqueNames", "2.5.6.17", "top", structural},
	{"device", "2.5.6.14", "top", structural},
	{"dcObject", "1.3.6.1.4.1.1466.344", "top", auxiliary},
	{"domain", "0.9.2342.19200300.100.4.13", "top", structural},
	{"account", "0.9.2342.19200300.100.4.5", "top", structural},
	{"inetOrgPerson", "2.16.840.1.113730.3.2.2", "organizationalPerson", structural},
	{"posixAccount", "1.3.6.1.1.1.2.0", "top", auxiliary},
	{"shadowAccount", "1.3.6.1.1.1.2.1", "top", auxiliary},
	{"posixGroup", "1.3.6.1.1.1.2.2", "top", structural},
	{"jumpcloudUser", "1.3.6.1.4.1.55555.2.1", "top", auxiliary},
	{"extensibleObject", "1.3.6.1.4.1.1466.101.120.111", "top", auxiliary},
	{"subschema", "2.5.20.1", "top", auxiliary},
	{"subentry", "2.5.17.0", "top", structural},
	{"OpenLDAProotDSE", "1.3.6.1.4.1.4203.1.4.1", "top", structural},
}
