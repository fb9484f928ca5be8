package replay

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// rule is how values of an attribute are compared.
type rule int

const (
	exact  rule = iota // octet by octet; of attributes that are not known, too
	folded             // without regard to case and repeated spaces
	names              // as distinguished names
)

// rules are those of the attributes of users and groups that are not exact (RFC
// 4519, RFC 4524, RFC 2798, RFC 4530), by their usual names in lower case.
var rules = map[string]rule{
	"objectclass": folded, "cn": folded, "ou": folded, "o": folded, "dc": folded, "c": folded, "l": folded, "st": folded, "street": folded,
	"uid": folded, "mail": folded, "sn": folded, "givenname": folded, "displayname": folded, "initials": folded, "title": folded,
	"description": folded, "employeenumber": folded, "employeetype": folded, "departmentnumber": folded, "businesscategory": folded,
	"physicaldeliveryofficename": folded, "postalcode": folded, "postaladdress": folded, "telephonenumber": folded, "mobile": folded,
	"preferredlanguage": folded, "gecos": folded, "entryuuid": folded,

	"member": names, "uniquemember": names, "memberof": names, "manager": names, "owner": names, "seealso": names, "secretary": names,
	"roleoccupant": names, "entrydn": names, "creatorsname": names, "modifiersname": names, "subschemasubentry": names, "namingcontexts": names,
}

// attributeKey is equal for two descriptions of one attribute.
func attributeKey(description string) string {
	typ, rest, _ := strings.Cut(description, ";")
	key := strings.ToLower(ldap.AttributeName(typ))
	if rest == "" {
		return key
	}
	options := strings.Split(strings.ToLower(rest), ";")
	slices.Sort(options)
	return key + ";" + strings.Join(options, ";")
}

// valueKey is equal for two values that mean the same.
func valueKey(attribute, value string) string {
	typ, _, _ := strings.Cut(attribute, ";")
	switch rules[typ] {
	case folded:
		return ldap.FoldValue(value)
	case names:
		return dnKey(value)
	}
	return value
}

// dnKey is equal for two texts of one DN.
func dnKey(text string) string {
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return ldap.FoldValue(text)
	}
	var key []byte
	for _, rdn := range dn {
		parts := make([]string, len(rdn))
		for i, ava := range rdn {
			parts[i] = strings.ToLower(ldap.AttributeName(ava.Type)) + "=" + string(ldap.AppendDNValue(nil, ldap.FoldValue(ava.Value)))
		}
		slices.Sort(parts)
		key = append(append(key, strings.Join(parts, "+")...), ',')
	}
	return string(key)
}
