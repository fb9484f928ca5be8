package discovery

import (
	"bytes"
	"errors"

	"jamf-ldap-proxy/internal/ldap"
)

// usersBase tells users from other members: those directly below upstream.base.
type usersBase struct {
	dn ldap.DN
	// suffix is how the directory spells "," and the base, as far as it has been
	// seen. A member that ends with it needs no parsing, and nearly all do.
	suffix []byte
}

func newUsersBase(base string) (*usersBase, error) {
	dn, err := ldap.ParseDN(base)
	if err == nil && len(dn) == 0 {
		err = errors.New("it is empty")
	}
	return &usersBase{dn: dn, suffix: []byte("," + base)}, err
}

// addMember adds the member with this DN.
func (b *usersBase) addMember(m *MemberSet, dn []byte) {
	if uid, rest := plainUser(dn); uid != nil && bytes.Equal(rest, b.suffix) {
		m.AddUser(uid)
		return
	}
	parsed, err := ldap.ParseDN(string(dn))
	if err != nil || len(parsed) == 0 || len(parsed[0]) != 1 ||
		!ldap.SameAttributeType(parsed[0][0].Type, "uid") || !parsed.Parent().Equal(b.dn) {
		m.AddOther(dn)
		return
	}
	if uid, rest := plainUser(dn); uid != nil {
		b.suffix = bytes.Clone(rest)
	}
	m.AddUser([]byte(parsed[0][0].Value))
}

// plainUser splits "uid=x,rest" into x and ",rest" when x stands for itself:
// nothing to unescape, no second value. uid is nil for every other DN.
func plainUser(dn []byte) (uid, rest []byte) {
	const prefix = "uid="
	if !bytes.HasPrefix(dn, []byte(prefix)) {
		return nil, nil
	}
	end := bytes.IndexByte(dn, ',')
	if end <= len(prefix) || !ldap.PlainInDN(dn[len(prefix):end]) {
		return nil, nil
	}
	return dn[len(prefix):end], dn[end:]
}
