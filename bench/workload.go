package main

import (
	"fmt"
	"math/rand/v2"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// dialect is how a peer has to be asked to give the answer that Jamf wants.
type dialect int

const (
	native     dialect = iota // what the directory understands
	vocabulary                // groupOfNames for everything: jamf-ldap-proxy translates
	mapped                    // names of classes are mapped, values and group names are not: slapo-rwm
)

// workload is one question in variants, so that no peer can answer from a
// single cached line, or a mix of such.
type workload struct {
	name string
	ask  [3]question // by dialect; the native one where another has no filter
	mix  []share
}

type question struct {
	filter func(i int) string
	attrs  []string
}

// share is a part of a mix, in percent.
type share struct {
	of      string
	percent int
}

const (
	variants = 64
	mixture  = 200 // requests of a mix
)

const (
	userLoad       = "user"
	groupLoad      = "group by name"
	membershipLoad = "membership"
	largeLoad      = "group of 500"
	mixedLoad      = "mixed"
)

// workloads is what Jamf asks, on generated data.
func workloads(users, groups int) []workload {
	user := func(i int) string { return fmt.Sprintf("user%05d", 1+(i*37)%users) }
	dn := func(i int) string { return "uid=" + user(i) + "," + directory.SampleBase }
	number := func(i int) int { return (i * 11) % groups }
	group := func(n int) string { return fmt.Sprintf(`Team %04d \28Site %d\29`, n+1, n%7) }
	of := func(class, term string) string { return "(&(objectClass=" + class + ")(" + term + "))" }
	member := []string{"cn", "gidNumber"}
	list := []workload{
		{name: userLoad, ask: [3]question{native: {
			func(i int) string { return of("inetOrgPerson", "uid="+user(i)) },
			[]string{"uid", "cn", "mail", "givenName", "sn", "uidNumber", "memberOf", "loginShell"},
		}}},
		{name: groupLoad, ask: [3]question{
			native: {func(i int) string { return of("groupOfNames", "cn="+group(number(i))) }, member},
			mapped: {func(i int) string { return of("groupOfNames", fmt.Sprintf("cn=lx%04d", number(i)+1)) }, member},
		}},
		{name: membershipLoad, ask: [3]question{
			native:     {func(i int) string { return of("posixGroup", "memberUid="+user(i)) }, member},
			vocabulary: {func(i int) string { return of("groupOfNames", "member="+dn(i)) }, member},
			mapped:     {func(i int) string { return of("groupOfNames", "memberUid="+user(i)) }, member},
		}},
		{name: largeLoad, ask: [3]question{
			native:     {func(int) string { return of("groupOfNames", "cn="+group(0)) }, []string{"cn", "member"}},
			vocabulary: {func(int) string { return of("groupOfNames", "cn="+group(0)) }, []string{"cn", "gidNumber", "member"}},
			mapped:     {func(int) string { return of("groupOfNames", "cn=lx0001") }, []string{"cn", "gidNumber", "memberUid"}},
		}},
	}
	return append(list, workload{name: mixedLoad, mix: []share{{userLoad, 70}, {groupLoad, 15}, {membershipLoad, 12}, {largeLoad, 3}}})
}

// in returns what is asked of a peer.
func (w *workload) in(d dialect) question {
	if q := w.ask[d]; q.filter != nil {
		return q
	}
	return w.ask[native]
}

// requests encodes the variants of a question, or the requests of a mix in an
// order that is the same in every run.
func requests(all []workload, name string, d dialect) ([][]byte, error) {
	for _, w := range all {
		switch {
		case w.name != name:
			continue
		case w.mix == nil:
			return w.in(d).encode(variants)
		}
		var list [][]byte
		for _, part := range w.mix {
			some, err := requests(all, part.of, d)
			if err != nil {
				return nil, err
			}
			for i := range part.percent * mixture / 100 {
				list = append(list, some[i%len(some)])
			}
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list, nil
	}
	return nil, fmt.Errorf("no workload %q", name)
}

func (q question) encode(n int) (list [][]byte, err error) {
	for i := range n {
		packet, err := goldap.CompileFilter(q.filter(i))
		if err != nil {
			return nil, err
		}
		f, err := ldap.DecodeFilter(string(packet.Bytes()), ldap.Limits{Nesting: 64, FilterTerms: 4096})
		if err != nil {
			return nil, err
		}
		req := ldap.SearchRequest{Base: directory.SampleBase, Scope: ldap.ScopeSubtree, Deref: 3, TimeLimit: 61, Filter: f, Attributes: q.attrs}
		list = append(list, ldap.AppendOperation(nil, 2, ldap.OpSearchRequest, ldap.AppendSearchRequest(nil, &req), nil))
	}
	return list, nil
}
