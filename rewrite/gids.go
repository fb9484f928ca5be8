package rewrite

import (
	"strconv"

	"jamf-ldap-proxy/internal/ldap"
)

// maxGIDs bounds how many Linux groups are asked for in one request.
const maxGIDs = 500

// GIDRequest asks for the Linux groups of a plan's UnknownGIDs.
func (r *Rules) GIDRequest(posixNames []string) ldap.SearchRequest {
	names := make([]ldap.Filter, 0, min(len(posixNames), maxGIDs))
	for _, name := range posixNames[:min(len(posixNames), maxGIDs)] {
		names = append(names, ldap.Equal("cn", name))
	}
	return ldap.SearchRequest{
		Base: r.cfg.Base, Scope: ldap.ScopeSubtree,
		Filter:     ldap.And(ldap.Equal("objectClass", classPosixGroup), or(names)),
		Attributes: []string{"cn", "gidNumber"},
	}
}

// ReadGID takes what an entry of the answer to GIDRequest says, by the posix
// name of the pair; gid is 0 when it says nothing.
func (r *Rules) ReadGID(body []byte) (posix string, gid int, err error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return "", 0, err
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return posix, gid, err
		}
		v, ok, err := a.NextValue()
		if err != nil {
			return "", 0, err
		}
		switch typ, _ := ldap.AttributeTypeOf(string(a.Description)); {
		case !ok:
		case typ == ldap.CommonName:
			if p := r.pairs.ofPosix(v); p != nil {
				posix = p.posix
			}
		case typ == ldap.GIDNumber:
			if n, err := strconv.Atoi(string(v)); err == nil && n > 0 {
				gid = n
			}
		}
	}
}
