package ldap_test

import (
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

func TestSchemaNames(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"cn", "CN", true}, {"cn", "commonName", true}, {"cn", "2.5.4.3", true}, {"COMMONNAME", "2.5.4.3", true},
		{"x-custom", "X-Custom", true}, {"2.5.4.4", "SN", true}, {"2.5.4.4", "2.5.4.42", false}, {"dc", "0.9.2342.19200300.100.1.25", true}, {"cn", "sn", false}, {"mail", "givenName", false}, {"", "", true}, {"2.5.4.3", "2.5.4.31", false},
	} {
		if got := ldap.SameAttributeType(tc.a, tc.b); got != tc.same {
			t.Errorf("%q and %q: %v", tc.a, tc.b, got)
		}
	}
	for in, want := range map[string]ldap.AttributeType{
		"MEMBERUID": ldap.MemberUID, "memberUid;x-a;x-b": ldap.MemberUID, "1.3.6.1.1.1.1.12": ldap.MemberUID, "memberUi": ldap.Other,
		"": ldap.Other, "userid": ldap.UserID, "member": ldap.Member, "uniqueMember": ldap.UniqueMember, "2.5.4.0": ldap.ObjectClass,
	} {
		typ, options := ldap.AttributeTypeOf(in)
		_, wantOptions, has := strings.Cut(in, ";")
		if has {
			wantOptions = ";" + wantOptions
		}
		if typ != want || options != wantOptions {
			t.Errorf("%q: type %d, options %q", in, typ, options)
		}
	}
	for in, want := range map[string]string{
		"2.5.4.3": "cn", "COMMONNAME": "cn", "2.5.4.0": "objectClass", "userid": "uid", "2.5.4.35": "userPassword", "1.3.6.1.1.1.1.12": "memberUid",
		"2.5.4.4": "sn", "1.3.6.1.1.16.4": "entryUUID", "X-Custom": "X-Custom", "1.2.3": "1.2.3", "": "",
	} {
		if got := ldap.AttributeName(in); got != want {
			t.Errorf("%q is called %q, want %q", in, got, want)
		}
	}
	for _, tc := range []struct {
		asked, got string
		want       bool
	}{
		{"cn", "CN", true}, {"cn", "cn;lang-en", true}, {"cn;lang-en", "cn", false}, {"cn;LANG-EN", "cn;x;lang-en", true},
		{"cn;lang-en;x", "cn;lang-en", false}, {"2.5.4.3", "cn;lang-en", true}, {"cn;", "cn", true}, {"sn", "cn", false},
	} {
		if got := ldap.DescriptionCovers(tc.asked, tc.got); got != tc.want {
			t.Errorf("%q covers %q: %v", tc.asked, tc.got, got)
		}
	}
	for _, tc := range []struct {
		value, class string
		want         bool
	}{
		{"GroupOfNames", "groupOfNames", true}, {"2.5.6.9", "groupofnames", true}, {"2.5.6.9", "groupOfUniqueNames", false},
		{"", "unknown", false}, {"Unknown", "unknown", true}, {"1.3.6.1.1.1.2.2", "POSIXGROUP", true},
	} {
		if got := ldap.IsClass(tc.value, tc.class); got != tc.want {
			t.Errorf("%q is a %s: %v", tc.value, tc.class, got)
		}
	}
}

func TestSelection(t *testing.T) {
	for _, tc := range []struct {
		asked                 []string
		all, operational, mem bool
	}{
		{nil, true, false, false},
		{[]string{"*"}, true, false, false},
		{[]string{"+"}, false, true, false},
		{[]string{"*", "+", "member"}, true, true, true},
		{[]string{"1.1"}, false, false, false},
		{[]string{"2.5.4.31"}, false, false, true},
		{[]string{"1.1", "MEMBER"}, false, false, true},
		{[]string{"member;range=0-10"}, false, false, false},
	} {
		sel := (&ldap.SearchRequest{Attributes: tc.asked}).Selection()
		if sel.All() != tc.all || sel.Operational() != tc.operational || sel.Named("member") != tc.mem {
			t.Errorf("%q: all %v, operational %v, member %v", tc.asked, sel.All(), sel.Operational(), sel.Named("member"))
		}
	}
}

func TestNames(t *testing.T) {
	for code, want := range map[ldap.ResultCode]string{ldap.Success: "success", ldap.InvalidCredentials: "invalidCredentials", 118: "code118", -1: "code-1"} {
		if got := code.String(); got != want {
			t.Errorf("code %d is %q", int(code), got)
		}
	}
	for scope, want := range map[ldap.Scope]string{ldap.ScopeBase: "base", ldap.ScopeOne: "one", ldap.ScopeSubtree: "sub", ldap.ScopeSubordinate: "children", 4: "unknown"} {
		if got := scope.String(); got != want {
			t.Errorf("scope %d is %q", int(scope), got)
		}
	}
	answered := 0
	for op := range 256 {
		if ldap.ResponseOp(ber.Tag(op)) != 0 {
			answered++
		}
	}
	if answered != 8 {
		t.Errorf("%d operations have an answer", answered)
	}
}
