package rewrite

import (
	"bytes"
	"strings"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// baseMapping is what a base or compare DN means to the view.
type baseMapping struct {
	name    string  // of the group that may stand there
	bridges bool    // what is asked at this DN concerns the view
	pair    *pair   // the DN names this pair's legacy group
	renamed bool    // the DN is that of a paired Linux group, which the view does not show under its own name
	dn      ldap.DN // the DN as the client wrote it, when entries have to be held against it
	mapped  string  // what to ask upstream
}

// mapBase looks a base DN up in the pair table: a DN whose first RDN is a
// single cn, at or below the users base.
func (r *Rules) mapBase(base string) (m baseMapping) {
	if !startsLikeCN(base) {
		return m
	}
	dn, err := ldap.ParseDN(base)
	if err != nil {
		return m
	}
	return r.view.mapBase(r, dn)
}

// groupName returns the name of the group that may stand at dn.
func (r *Rules) groupName(dn ldap.DN) (string, bool) {
	if len(dn) < 2 || len(dn[0]) != 1 || !ldap.SameAttributeType(dn[0][0].Type, "cn") || !dn.Parent().Below(r.base) {
		return "", false
	}
	return dn[0][0].Value, true
}

// upstreamDN replaces RDN i of dn by the pair's posix name.
func (r *Rules) upstreamDN(dn ldap.DN, i int, p *pair) string {
	mapped := append(ldap.DN{}, dn...)
	mapped[i] = ldap.RDN{{Type: "cn", Value: p.posix}}
	return mapped.String()
}

// startsLikeCN spares most requests the parsing of their base.
func startsLikeCN(dn string) bool {
	typ, _, _ := strings.Cut(strings.TrimLeft(dn, " "), "=")
	return ldap.SameAttributeType(strings.TrimRight(typ, " "), "cn")
}

// memberUID returns the user name of a member DN: the single uid of a DN
// directly below the users base. inside is false for any other DN, ok for a
// text that is none.
func (r *Rules) memberUID(value string) (uid string, inside, ok bool) {
	if uid, ok := plainMember(r, value); ok {
		return uid, true, true
	}
	dn, err := ldap.ParseDN(value)
	if err != nil || len(dn) == 0 {
		return "", false, false
	}
	if len(dn[0]) != 1 || !ldap.SameAttributeType(dn[0][0].Type, "uid") || !dn.Parent().Equal(r.base) {
		return "", false, true
	}
	return dn[0][0].Value, true, true
}

// plainMember recognises the usual case, spelled exactly as this proxy spells
// member DNs, without parsing.
func plainMember[T ber.Bytes](r *Rules, value T) (uid T, ok bool) {
	n := len(value) - len(r.dnSuffix)
	if n > len("uid=") && string(value[:4]) == "uid=" && string(value[n:]) == r.dnSuffix && ldap.PlainInDN(value[4:n]) {
		return value[4:n], true
	}
	return uid, false
}

// stripSuffix cuts the first configured suffix that value ends with.
func (r *Rules) stripSuffix(value string) (string, bool) {
	for _, s := range r.suffixes {
		if n := len(value) - len(s); n > 0 && s != "" && strings.EqualFold(value[n:], s) {
			return value[:n], true
		}
	}
	return value, false
}

// firstCN returns the raw value of a DN's first RDN and what follows it, when
// that RDN is a single cn.
func firstCN(dn []byte) (value, rest []byte, ok bool) {
	eq := bytes.IndexByte(dn, '=')
	if eq < 0 || !ldap.SameAttributeType(string(bytes.Trim(dn[:eq], " ")), "cn") {
		return nil, nil, false
	}
	end := eq + 1
	for end < len(dn) && dn[end] != ',' {
		if dn[end] == '+' {
			return nil, nil, false
		}
		if dn[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(dn))
	return dn[eq+1 : end], dn[end:], true
}

// appendViewDN appends the DN under which the view shows the upstream group.
func (r *Rules) appendViewDN(dst, dn []byte) []byte {
	value, rest, ok := firstCN(dn)
	if !ok {
		return append(dst, dn...)
	}
	if bytes.IndexByte(value, '\\') >= 0 || len(value) > 0 && value[0] == '#' {
		parsed, err := ldap.ParseDN("cn=" + string(value))
		if err != nil || len(parsed) != 1 {
			return append(dst, dn...)
		}
		value = []byte(parsed[0][0].Value)
	}
	p := r.pairs.ofPosix(value)
	if p == nil {
		return append(dst, dn...)
	}
	dst = append(dst, "cn="...)
	dst = append(dst, p.legacyEscaped...)
	return append(dst, rest...)
}
