package rewrite_test

// stable_uuid: a group's UUID is made from its DN, so that it is the same in
// every mode and from every server.

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// withStableUUID gives a group of the view its one entryUUID, in place of those
// that upstream has.
func withStableUUID(group entry) entry {
	v := entry{dn: group.dn}
	for _, a := range group.attrs {
		if !sameType(a.desc, "entryUUID") {
			v.add(a.desc, a.values...)
		}
	}
	v.add("entryUUID", stableUUID(group.dn))
	return v
}

// mayShowStableUUID: a group of the view may have this DN. Whether there is one
// is upstream's to say, so that every name counts, except the Linux name of a
// pair: the view shows that entry under its other name or not at all. (A name
// that is both, of two pairs, is a legacy name and bridged as such.)
func (o oracle) mayShowStableUUID(text string) bool {
	cn, ok := o.groupName(text)
	return ok && !o.isPosixName(cn)
}

// The namespace for X.500 DNs, RFC 4122 appendix C.
var namespaceX500 = []byte("\x6b\xa7\xb8\x14\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8")

// stableUUID is the UUID of version 5, RFC 4122 section 4.3, of a DN.
func stableUUID(dn string) string {
	sum := sha1.Sum(append(slices.Clone(namespaceX500), normalDN(dn)...))
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x50 // version 5
	u[8] = u[8]&0x3f | 0x80 // the variant of RFC 4122
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// normalDN writes a DN so that equal ones are equal text. What is none is
// itself: a server that sends it sends it in one spelling.
func normalDN(text string) string {
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return text
	}
	var rdns []string
	for _, rdn := range dn {
		var avas []string
		for _, ava := range rdn {
			avas = append(avas, usualName(ava.Type)+"="+string(ldap.AppendDNValue(nil, fold(ava.Value))))
		}
		slices.Sort(avas)
		rdns = append(rdns, strings.Join(avas, "+"))
	}
	return strings.Join(rdns, ",")
}

// usualName is the name that entries use of an attribute type given by any of
// its names, in lower case.
func usualName(typ string) string {
	if at := typeOf(typ); at != nil {
		typ = at.names[0]
	}
	return strings.ToLower(typ)
}
