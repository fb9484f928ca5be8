package main

import (
	"errors"
	"fmt"
	"hash/maphash"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// identity is who asks. What is right depends on it.
type identity int

const (
	nobody  identity = iota // has not bound: is refused
	admin                   // may search
	endUser                 // may bind, finds nothing
	identities
)

func dn(uid string) string   { return "uid=" + uid + "," + directory.SampleBase }
func userName(i int) string  { return fmt.Sprintf("user%05d", i+1) }
func groupName(i int) string { return fmt.Sprintf("Team %04d (Site %d)", i+1, i%7) }
func (i identity) bind() string {
	return map[identity]string{admin: dn("jamf.ldap"), endUser: dn(userName(0))}[i]
}

// question is a request with its right answers.
type question struct {
	name string
	op   ber.Tag
	body []byte
	want [identities]answer
}

func search(name string, filter ldap.Filter, attrs ...string) *question {
	return searchAt(name, directory.SampleBase, ldap.ScopeSubtree, filter, attrs...)
}

func searchAt(name, base string, scope ldap.Scope, filter ldap.Filter, attrs ...string) *question {
	body := ldap.AppendSearchRequest(nil, &ldap.SearchRequest{Base: base, Scope: scope, Filter: filter, Attributes: attrs})
	return &question{name: name, op: ldap.OpSearchRequest, body: body}
}

func compare(name, group, attr, value string) *question {
	body := ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: "cn=" + group + "," + directory.SampleBase, Attr: attr, Value: value})
	return &question{name: name, op: ldap.OpCompareRequest, body: body}
}

// everybody is the question that pagers ask, and its answer has to be large.
func everybody() *question {
	return search("all users", ldap.Equal("objectClass", "inetOrgPerson"), "uid", "mail", "memberOf")
}

// questions is what Jamf asks, and some that it could.
func questions() []*question {
	class := func(of string, terms ...ldap.Filter) ldap.Filter {
		return ldap.And(append([]ldap.Filter{ldap.Equal("objectClass", of)}, terms...)...)
	}
	legacy := func(terms ...ldap.Filter) ldap.Filter { return class("groupOfNames", terms...) }
	list := []*question{
		search("user, absent", class("inetOrgPerson", ldap.Equal("uid", "nobody"))),
		search("all groups", legacy(), "cn", "gidNumber"),
		search("all groups with members", legacy()),
		search("Linux groups", class("posixGroup"), "cn"),
		search("users and groups", ldap.Or(ldap.Equal("uid", userName(1)), legacy(ldap.Equal("cn", groupName(1)))), "cn"),
		searchAt("base absent", "ou=nowhere,dc=jumpcloud,dc=com", ldap.ScopeSubtree, ldap.Present("objectClass")),
		everybody(),
	}
	for i := range 8 {
		u, g := userName(i*7), groupName(i*3)
		member := ldap.Equal("member", dn(u))
		list = append(list,
			search("user", class("inetOrgPerson", ldap.Equal("uid", u))),
			search("group by name", legacy(ldap.Equal("cn", g)), "cn", "gidNumber", "member"),
			search("group by ID", legacy(ldap.Equal("gidNumber", fmt.Sprint(7001+i))), "cn"),
			search("group by part of its name", legacy(ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn",
				Substrings: []ldap.Substring{{Kind: ldap.SubAny, Value: fmt.Sprintf("%d (site", i)}}}), "cn"),
			search("membership", legacy(ldap.Equal("cn", g), member), "cn"),
			search("groups of a user", legacy(member), "cn", "gidNumber"),
			searchAt("group by DN", "cn="+g+","+directory.SampleBase, ldap.ScopeBase, ldap.Present("objectClass")),
			compare("compare, bridged", g, "member", dn(u)),
			compare("compare", fmt.Sprintf("lx%04d", i+1), "memberUid", u))
	}
	return list
}

// learn asks every question twice on a good line.
func (s *site) learn(list []*question, t *tally) error {
	for id := range identities {
		if id == nobody {
			for _, q := range list {
				q.want[nobody].code = ldap.InsufficientAccessRights
			}
			continue
		}
		c, err := s.dial("learning", t)
		if err != nil {
			return err
		}
		if ok, err := c.bind(id.bind(), directory.SamplePassword, ldap.Success); !ok {
			return errors.Join(errors.New("the first bind was not answered with success"), err)
		}
		for _, q := range list {
			for try := range 2 {
				p := &pending{op: q.name}
				c.send(p, q.op, q.body, nil)
				if err := c.collect(); err != nil {
					return err
				}
				if try > 0 && p.got != q.want[id] {
					return fmt.Errorf("%s: the same question has two answers: %+v and %+v", q.name, q.want[id], p.got)
				}
				q.want[id] = p.got
			}
			if faultCode(q.want[id].code) {
				return fmt.Errorf("%s: answered with %v on a good line", q.name, q.want[id].code)
			}
		}
		c.hangUp()
	}
	return nil
}

var digestSeed = maphash.MakeSeed()

// digestOf sums up an entry so that neither the order of attributes nor that of
// values counts; a value that is missing, or there twice, does.
func digestOf(body []byte) (sum uint64, err error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return 0, err
	}
	sum = maphash.Bytes(digestSeed, e.DN)
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return sum, err
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			var h maphash.Hash
			h.SetSeed(digestSeed)
			for _, part := range [][]byte{e.DN, a.Description, v} {
				_, _ = h.Write(part)
				_ = h.WriteByte(0)
			}
			sum += h.Sum64()
		}
	}
}
