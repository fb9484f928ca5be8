package explain_test

import (
	"reflect"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/explain"
	"jamf-ldap-proxy/internal/ldap"
)

// named tells whether the names in a filter are some: go-ldap lets others pass, for
// which RFC 4515 has no text, as it has none for a matching rule of the name dn.
func named(f *ldap.Filter) bool {
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-.;", c))
	}
	for i := range f.Children {
		if !named(&f.Children[i]) {
			return false
		}
	}
	return !strings.ContainsFunc(f.Attr+f.Rule, odd) && f.Rule != "dn"
}

// FuzzParseFilter: the text of a filter that was read is read as the same filter.
func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{
		"(&(objectClass=groupOfNames)(member=uid=jon.snow,ou=Users,dc=x))", "cn=**", "(cn=*a*b*)", `(cn=\2a\28\5c\00)`, "(!(|(a=1)(b>=2)(c<=3)(d~=4)))",
		"(cn:dn:2.4.6.8:=x)", "(:caseExactMatch:=x)", "(&)", "(|)", "(cn=*)", "(cn=)", "(cn=Zoë)", "(cn=\xff)", "((", "()", "(a=b)(c=d)", "(cn;lang-de=x)", " x ",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := explain.ParseFilter(text)
		if err != nil || !named(&filter) {
			return
		}
		again, err := explain.ParseFilter(filter.String())
		if err != nil || !reflect.DeepEqual(filter, again) {
			t.Fatalf("%q, written as %q, is %+v, then %+v: error %v", text, filter.String(), filter, again, err)
		}
	})
}
