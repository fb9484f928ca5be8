package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// workload is one question in variants, so that no peer can answer from a
// single cached line.
type workload struct {
	name        string
	filter      func(i int) string // what peers that do not translate are asked
	attrs       []string
	legacy      func(i int) string // what jamf-ldap-proxy is asked, nil for the same
	legacyAttrs []string
}

const variants = 64

func workloads(users int) []workload {
	user := func(i int) string { return fmt.Sprintf("user%05d", 1+(i*37)%users) }
	dn := func(i int) string { return "uid=" + user(i) + "," + directory.SampleBase }
	return []workload{
		{name: "user", attrs: []string{"uid", "cn", "mail", "givenName", "sn", "uidNumber", "memberOf", "loginShell"},
			filter: func(i int) string { return "(&(objectClass=inetOrgPerson)(uid=" + user(i) + "))" }},
		{name: "membership", attrs: []string{"cn", "gidNumber"}, legacyAttrs: []string{"cn", "gidNumber"},
			filter: func(i int) string { return "(&(objectClass=posixGroup)(memberUid=" + user(i) + "))" },
			legacy: func(i int) string { return "(&(objectClass=groupOfNames)(member=" + dn(i) + "))" }},
		{name: "group 500", attrs: []string{"cn", "member"}, legacyAttrs: []string{"cn", "gidNumber", "member"},
			filter: func(int) string { return `(&(objectClass=groupOfNames)(cn=Team 0001 \28Site 0\29))` },
			legacy: func(int) string { return `(&(objectClass=groupOfNames)(cn=Team 0001 \28Site 0\29))` }},
	}
}

// requests encodes the variants for a peer.
func (w workload) requests(translating bool) ([][]byte, error) {
	filter, attrs := w.filter, w.attrs
	if translating && w.legacy != nil {
		filter, attrs = w.legacy, w.legacyAttrs
	}
	var list [][]byte
	for i := range variants {
		packet, err := goldap.CompileFilter(filter(i))
		if err != nil {
			return nil, err
		}
		f, err := ldap.DecodeFilter(string(packet.Bytes()), ldap.Limits{Nesting: 64, FilterTerms: 4096})
		if err != nil {
			return nil, err
		}
		req := ldap.SearchRequest{Base: directory.SampleBase, Scope: ldap.ScopeSubtree, Deref: 3, TimeLimit: 61, Filter: f, Attributes: attrs}
		list = append(list, ldap.AppendOperation(nil, 2, ldap.OpSearchRequest, ldap.AppendSearchRequest(nil, &req), nil))
	}
	return list, nil
}

// measure loads one peer from clients that ask again as soon as they are
// answered, over connections that stay.
func measure(p peer, w workload, clients int, duration time.Duration) (sample, error) {
	requests, err := w.requests(p.translating)
	if err != nil {
		return sample{}, err
	}
	list := make([]*client, clients)
	for i := range list {
		if list[i], err = dial(p.address); err != nil {
			return sample{}, err
		}
		defer list[i].conn.Close()
	}
	cpuBefore, err := cpuTime(p.pid)
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, c := range list {
		wg.Go(func() { c.err = c.loop(requests, start.Add(duration)) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	cpuAfter, err := cpuTime(p.pid)
	if err != nil {
		return sample{}, err
	}
	var all []time.Duration
	for _, c := range list {
		if c.err != nil {
			return sample{}, c.err
		}
		all = append(all, c.took...)
	}
	slices.Sort(all)
	n := float64(len(all))
	return sample{
		perSecond: n / elapsed.Seconds(),
		cpu:       float64((cpuAfter - cpuBefore).Microseconds()) / n,
		p50:       float64(all[len(all)/2].Microseconds()), p99: float64(all[len(all)*99/100].Microseconds()),
	}, nil
}

type client struct {
	conn   net.Conn
	framer *ldap.Framer
	took   []time.Duration
	err    error
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, framer: ldap.NewFramer(conn)}
	body := ldap.AppendSimpleBind(nil, "uid=jamf.ldap,"+directory.SampleBase, []byte(directory.SamplePassword))
	if _, err := c.ask(ldap.AppendOperation(nil, 1, ldap.OpBindRequest, body, nil)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("binding: %w", err)
	}
	return c, nil
}

// ask sends a request and reads to its result; it returns the entries seen.
func (c *client) ask(request []byte) (entries int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	for {
		frame, err := c.framer.Next(64<<20, nil)
		if err != nil {
			return entries, err
		}
		m, err := ldap.ParseMessage(frame)
		if err != nil {
			return entries, err
		}
		if m.Op == ldap.OpSearchResultEntry {
			entries++
			continue
		}
		res, _, err := ldap.DecodeResult(m.Body)
		if err == nil && res.Code != ldap.Success {
			err = fmt.Errorf("answered %v %s", res.Code, res.Diagnostic)
		}
		return entries, err
	}
}

func (c *client) loop(requests [][]byte, until time.Time) error {
	for i := rand.IntN(variants); ; i++ {
		before := time.Now()
		if before.After(until) {
			return nil
		}
		entries, err := c.ask(requests[i%variants])
		if err != nil {
			return err
		}
		if entries == 0 && i%variants == 0 {
			return fmt.Errorf("no entries: the peer does not answer the question")
		}
		c.took = append(c.took, time.Since(before))
	}
}
