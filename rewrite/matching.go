package rewrite

import (
	"math/big"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// matchingRule is an equality rule, RFC 4517 section 4.2.
type matchingRule uint8

const (
	ruleUnknown matchingRule = iota
	ruleCaseIgnore
	ruleCaseExact
	ruleCaseExactIA5
	ruleDistinguishedName
	ruleInteger
	ruleObjectIdentifier
	ruleUUID
)

var ruleNames = map[matchingRule][2]string{
	ruleCaseIgnore:        {"caseIgnoreMatch", "2.5.13.2"},
	ruleCaseExact:         {"caseExactMatch", "2.5.13.5"},
	ruleCaseExactIA5:      {"caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1"},
	ruleDistinguishedName: {"distinguishedNameMatch", "2.5.13.1"},
	ruleInteger:           {"integerMatch", "2.5.13.14"},
	ruleObjectIdentifier:  {"objectIdentifierMatch", "2.5.13.0"},
	ruleUUID:              {"UUIDMatch", "1.3.6.1.1.16.2"},
}

func isRule(name string, rule matchingRule) bool {
	n := ruleNames[rule]
	return name == n[1] || strings.EqualFold(name, n[0])
}

func ruleNamed(name string) matchingRule {
	for rule := range ruleNames {
		if isRule(name, rule) {
			return rule
		}
	}
	return ruleUnknown
}

// userAttributes are the attributes of JumpCloud's users and groups with the
// equality rule of their standard schema. What is not here has no rule that
// this package could apply, and counts as undefined.
var userAttributes = func() map[string]matchingRule {
	m := map[string]matchingRule{
		"objectclass": ruleObjectIdentifier, "member": ruleDistinguishedName, "uniquemember": ruleDistinguishedName,
		"memberof": ruleDistinguishedName, "owner": ruleDistinguishedName, "seealso": ruleDistinguishedName,
		"memberuid": ruleCaseExactIA5, "gidnumber": ruleInteger, "uidnumber": ruleInteger,
		"homedirectory": ruleCaseExactIA5, "loginshell": ruleCaseExactIA5,
	}
	for _, name := range strings.Fields(`cn ou o sn givenname displayname description uid mail title departmentnumber
		employeenumber employeetype company businesscategory physicaldeliveryofficename initials
		telephonenumber mobile homephone pager l postalcode postofficebox street st`) {
		m[name] = ruleCaseIgnore
	}
	m["entryuuid"] = ruleUUID
	return m
}()

// knownClasses are the object classes whose absence is a fact; the name of
// another one may be no class at all, which is undefined.
var knownClasses = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`top person organizationalperson inetorgperson organization organizationalunit domain
		dcobject account posixaccount shadowaccount posixgroup groupofnames groupofuniquenames jumpclouduser
		2.5.6.0 2.5.6.4 2.5.6.5 2.5.6.6 2.5.6.7 2.5.6.9 2.5.6.17 2.16.840.1.113730.3.2.2
		1.3.6.1.1.1.2.0 1.3.6.1.1.1.2.1 1.3.6.1.1.1.2.2`) {
		m[name] = true
	}
	return m
}()

// typeName is the key of an attribute in userAttributes: its name in lower
// case, whichever way it is written.
func typeName(description string) string {
	name, _, _ := strings.Cut(description, ";")
	return strings.ToLower(ldap.AttributeName(name))
}

// isOperational tells whether an attribute is returned only when it is asked
// for by name or with +.
func isOperational(name string) bool {
	switch typeName(name) {
	case "entryuuid", "entrydn", "entrycsn", "createtimestamp", "modifytimestamp", "creatorsname", "modifiersname",
		"structuralobjectclass", "subschemasubentry", "hassubordinates", "numsubordinates":
		return true
	}
	return strings.HasPrefix(strings.ToLower(name), "pwd")
}

// truth is a value of three-valued logic, RFC 4511 section 4.5.1.7, ordered so
// that AND is the smaller, OR the larger and NOT the mirror image.
type truth int8

const (
	isFalse   truth = -1
	undefined truth = 0
	isTrue    truth = 1
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// equal applies an equality rule to one value.
func (rule matchingRule) equal(value, asserted string) truth {
	switch rule {
	case ruleCaseIgnore:
		return truthOf(ldap.FoldValue(value) == ldap.FoldValue(asserted))
	case ruleUUID:
		if !isUUID(asserted) {
			return undefined
		}
		return truthOf(strings.EqualFold(value, asserted))
	case ruleCaseExact, ruleCaseExactIA5:
		return truthOf(squeeze(value) == squeeze(asserted))
	case ruleObjectIdentifier:
		if !knownClasses[strings.ToLower(asserted)] && !ldap.IsClass(asserted, value) {
			return undefined
		}
		return truthOf(ldap.IsClass(asserted, value) || ldap.IsClass(value, asserted))
	case ruleInteger:
		if !isInteger(asserted) {
			return undefined
		}
		return truthOf(value == asserted)
	case ruleDistinguishedName:
		want, err := ldap.ParseDN(asserted)
		if err != nil {
			return undefined
		}
		have, err := ldap.ParseDN(value)
		return truthOf(err == nil && have.Equal(want))
	}
	return undefined
}

// ordered tells whether value stands on the asserted side of a number, as
// integerOrderingMatch does. No other attribute here has an ordering rule.
func ordered(kind ldap.FilterKind, value, asserted string) bool {
	have, want := new(big.Int), new(big.Int)
	if _, ok := have.SetString(value, 10); !ok {
		return false
	}
	want.SetString(asserted, 10)
	if kind == ldap.FilterGreaterOrEqual {
		return have.Cmp(want) >= 0
	}
	return have.Cmp(want) <= 0
}

// isUUID checks the form of RFC 4122 section 3.
func isUUID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
				return false
			}
		}
	}
	return len(s) == 36
}

// isInteger checks the form of RFC 4517 section 3.3.16, in which equal numbers
// are equal text.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] == '0' && s != "0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// squeeze folds spaces but not case.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
