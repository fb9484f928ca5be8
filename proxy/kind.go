package proxy

import (
	"strings"
	"sync/atomic"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// traits are what a filter asserts, as far as it tells one question of Jamf
// from another.
type traits struct {
	user, group bool // a class, or an attribute that only such entries have
	named       bool // a group's name, number or UUID
	member      bool // who is in a group
	memberOf    bool // the same, seen from the user
	subschema   bool
}

// kindOfSearch guesses the question behind a search. It is a label for people,
// nothing is decided by it.
func kindOfSearch(req *ldap.SearchRequest) string {
	if isRootDSE(req) {
		return lookup.KindRootDSE
	}
	var t traits
	t.scan(&req.Filter)
	base := req.Scope == ldap.ScopeBase
	switch {
	case t.subschema || base && strings.EqualFold(req.Base, "cn=subschema"):
		return lookup.KindSchema
	case t.member && (base || t.named):
		return lookup.KindMembership
	case t.member:
		return lookup.KindUserGroups
	case t.memberOf:
		return lookup.KindMembers
	case base:
		return kindOfRead(req, &t)
	case t.group == t.user:
		return lookup.KindOther
	case t.group:
		return lookup.KindGroup
	}
	return lookup.KindUser
}

func isRootDSE(req *ldap.SearchRequest) bool {
	return req.Base == "" && req.Scope == ldap.ScopeBase
}

// kindOfRead looks at a read of one entry, whose filter says little: at the
// attributes wanted and the type of its name.
func kindOfRead(req *ldap.SearchRequest, t *traits) string {
	for _, name := range req.Attributes {
		switch typ, _ := ldap.AttributeTypeOf(name); typ {
		case ldap.Member, ldap.UniqueMember, ldap.MemberUID:
			return lookup.KindMembers
		}
		if strings.EqualFold(name, "memberOf") {
			return lookup.KindUserGroups
		}
	}
	rdn, _, _ := strings.Cut(req.Base, "=")
	typ, _ := ldap.AttributeTypeOf(strings.TrimSpace(rdn))
	switch {
	case t.user, typ == ldap.UserID:
		return lookup.KindUser
	case t.group, typ == ldap.CommonName:
		return lookup.KindGroup
	}
	return lookup.KindOther
}

func kindOfCompare(req *ldap.CompareRequest) string {
	switch typ, _ := ldap.AttributeTypeOf(req.Attr); typ {
	case ldap.Member, ldap.UniqueMember, ldap.MemberUID:
		return lookup.KindMembership
	}
	return lookup.KindOther
}

func (t *traits) scan(f *ldap.Filter) {
	for i := range f.Children {
		t.scan(&f.Children[i])
	}
	if f.Attr == "" {
		return
	}
	switch typ, _ := ldap.AttributeTypeOf(f.Attr); typ {
	case ldap.ObjectClass:
		t.class(f.Value)
	case ldap.Member, ldap.UniqueMember, ldap.MemberUID:
		t.member = t.member || f.Kind != ldap.FilterPresent
	case ldap.CommonName, ldap.OrganizationalUnit:
		t.named = true
	case ldap.GIDNumber:
		t.named, t.group = true, true
	case ldap.UserID:
		t.user = true
	case ldap.Other:
		t.other(f.Attr)
	}
}

func (t *traits) other(attr string) {
	switch {
	case strings.EqualFold(attr, "memberOf"):
		t.memberOf = true
	case strings.EqualFold(attr, "entryUUID"):
		t.named = true
	case strings.EqualFold(attr, "mail"), strings.EqualFold(attr, "uidNumber"):
		t.user = true
	}
}

func (t *traits) class(value string) {
	switch {
	case ldap.IsClass(value, "groupofnames"), ldap.IsClass(value, "posixgroup"),
		ldap.IsClass(value, "groupofuniquenames"), strings.EqualFold(value, "group"):
		t.group = true
	case strings.EqualFold(value, "inetOrgPerson"), strings.EqualFold(value, "posixAccount"),
		strings.EqualFold(value, "person"), strings.EqualFold(value, "organizationalPerson"),
		strings.EqualFold(value, "jumpcloudUser"), strings.EqualFold(value, "user"):
		t.user = true
	case strings.EqualFold(value, "subschema"):
		t.subschema = true
	}
}

// clientKind remembers the library that the client's requests betray.
type clientKind struct{ index atomic.Uint32 }

var clientKinds = [...]string{lookup.ClientOther, lookup.ClientJNDI, lookup.ClientUnboundID}

func (k *clientKind) String() string { return clientKinds[k.index.Load()] }

func (k *clientKind) learn(kind uint32) {
	if kind != 0 && k.index.Load() != kind {
		k.index.Store(kind)
	}
}

// Indexes into clientKinds.
const (
	kindUnknown = iota
	kindJNDI
	kindUnboundID
)

// clientOfSearch guesses the client's library from the shape of a search: JNDI
// dereferences always and attaches a non-critical ManageDsaIT; UnboundID does
// neither and sends its time limit, which tells it from ldapsearch. A search
// with other controls betrays nobody.
func clientOfSearch(req *ldap.SearchRequest, controls []ldap.Control) uint32 {
	switch {
	case len(controls) == 0 && req.Deref == 0 && req.TimeLimit > 0:
		return kindUnboundID
	case req.Deref != 3:
		return kindUnknown
	}
	for i := range controls {
		if controls[i].OID == ldap.OIDManageDsaIT && !controls[i].Critical {
			return kindJNDI
		}
	}
	return kindUnknown
}
