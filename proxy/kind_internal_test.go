package proxy

import (
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// The shapes are those of facts/jamf.md section 7.
func TestKindOfSearch(t *testing.T) {
	const base, group, user = "ou=Users,dc=com", "cn=got,ou=Users,dc=com", "uid=jon,ou=Users,dc=com"
	class := func(c string) ldap.Filter { return ldap.Equal("objectClass", c) }
	all := ldap.Present("objectClass")
	cn := ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn"}
	member := ldap.Equal("member", user)
	for _, tc := range []struct {
		name   string
		base   string
		scope  ldap.Scope
		filter ldap.Filter
		attrs  []string
		want   string
	}{
		{"exact user", base, 2, ldap.And(class("inetOrgPerson"), ldap.Equal("uid", "jon")), nil, lookup.KindUser},
		{"user by OID", base, 2, ldap.Equal("0.9.2342.19200300.100.1.1", "jon"), nil, lookup.KindUser},
		{"any class", base, 2, ldap.And(ldap.Or(class("posixAccount"), class("person")), ldap.Equal("mail", "a@b")), nil, lookup.KindUser},
		{"group by name", base, 2, ldap.And(class("groupOfNames"), cn), nil, lookup.KindGroup},
		{"group by class OID", base, 2, ldap.And(class("2.5.6.9"), cn), nil, lookup.KindGroup},
		{"group by id", base, 1, ldap.Equal("gidNumber", "7001"), nil, lookup.KindGroup},
		{"one group of a user", base, 2, ldap.And(class("groupOfNames"), ldap.Equal("cn", "got"), member), nil, lookup.KindMembership},
		{"all groups of a user", base, 2, ldap.And(class("groupOfNames"), member), nil, lookup.KindUserGroups},
		{"posix groups of a user", base, 2, ldap.And(class("posixGroup"), ldap.Equal("memberUid", "jon")), nil, lookup.KindUserGroups},
		{"compare as search", group, 0, member, []string{"1.1"}, lookup.KindMembership},
		{"members of a group", group, 0, all, []string{"member"}, lookup.KindMembers},
		{"members by memberOf", base, 2, ldap.Equal("memberOf", group), nil, lookup.KindMembers},
		{"groups by memberOf", user, 0, all, []string{"memberOf"}, lookup.KindUserGroups},
		{"a user's entry", user, 0, all, nil, lookup.KindUser},
		{"a group's entry", group, 0, class("groupOfNames"), []string{"cn"}, lookup.KindGroup},
		{"root", "", 0, all, nil, lookup.KindRootDSE},
		{"schema", "cn=Subschema", 0, class("subschema"), nil, lookup.KindSchema},
		{"base probe", base, 0, all, nil, lookup.KindOther},
		{"users and groups", base, 2, ldap.Or(class("person"), class("group")), nil, lookup.KindOther},
		{"anything", base, 2, all, nil, lookup.KindOther},
	} {
		req := &ldap.SearchRequest{Base: tc.base, Scope: tc.scope, Filter: tc.filter, Attributes: tc.attrs}
		if got := kindOfSearch(req); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestClientOfSearch(t *testing.T) {
	if got := clientOfSearch(&ldap.SearchRequest{}, nil); got != kindUnknown {
		t.Errorf("what ldapsearch sends is taken for %d", got)
	}
	manage := []ldap.Control{{OID: ldap.OIDManageDsaIT}}
	critical := []ldap.Control{{OID: ldap.OIDManageDsaIT, Critical: true}}
	for _, tc := range []struct {
		deref    int32
		controls []ldap.Control
		want     uint32
	}{
		{3, manage, kindJNDI}, {3, critical, kindUnknown}, {3, nil, kindUnknown}, {0, nil, kindUnboundID}, {0, manage, kindUnknown},
	} {
		if got := clientOfSearch(&ldap.SearchRequest{Deref: tc.deref, TimeLimit: 60}, tc.controls); got != tc.want {
			t.Errorf("deref %d, controls %v: %d, want %d", tc.deref, tc.controls, got, tc.want)
		}
	}
}
