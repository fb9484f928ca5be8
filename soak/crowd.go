package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

// crowd are the clients.
type crowd struct {
	site      *site
	tally     *tally
	seed      uint64
	scale     int
	questions []*question
	all       *question // what pagers ask
}

func newCrowd(s *site, o *options) (*crowd, error) {
	c := &crowd{site: s, tally: newTally(), seed: o.seed, scale: max(1, o.scale), questions: questions()}
	for _, q := range c.questions {
		if q.name == "all users" {
			c.all = q
		}
	}
	if err := s.learn(c.questions, c.tally); err != nil {
		return nil, err
	}
	c.tally = newTally() // what was learned does not count
	return c, nil
}

// client is one of them: it does its thing until ctx ends.
type client struct {
	*crowd
	kind string
	r    *rand.Rand
}

// kinds of clients, with their number. An act is one visit.
var kinds = []struct {
	name  string
	count int
	act   func(c *client, ctx context.Context)
}{
	{"witness", 1, (*client).witness},
	{"Jamf", 6, (*client).jamf},
	{"long-lived", 4, (*client).longLived},
	{"pipeliner", 2, (*client).pipeliner},
	{"pager", 2, (*client).pager},
	{"abandoner", 2, (*client).abandoner},
	{"wrong password", 2, (*client).wrongPassword},
	{"leaver", 1, (*client).leaver},
	{"stuck reader", 2, (*client).stuckReader},
	{"stranger", 2, (*client).stranger},
}

func (c *crowd) run(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	n := uint64(100)
	for _, k := range kinds {
		for range k.count * c.scale {
			n++
			one := &client{crowd: c, kind: k.name, r: rand.New(rand.NewPCG(c.seed, n))}
			wg.Go(func() {
				for ctx.Err() == nil {
					k.act(one, ctx)
					pause(ctx, milliseconds(5+one.r.IntN(60)))
				}
			})
		}
	}
	return &wg
}

func (c *client) any() *question { return c.questions[c.r.IntN(len(c.questions))] }

func (c *client) some(n int) (list []*question) {
	for range n {
		list = append(list, c.any())
	}
	return list
}

// enter connects, in any of the three ways there are, and binds. A bind that
// fails because upstream does is no end; the client comes again.
func (c *client) enter(id identity) (*session, bool) {
	var (
		s   *session
		err error
	)
	switch c.r.IntN(8) {
	case 0:
		s, err = c.site.dialTLS(c.kind, c.tally)
	case 1:
		if s, err = c.site.dial(c.kind, c.tally); err == nil {
			err = s.startTLS(c.site.roots)
		}
	default:
		s, err = c.site.dial(c.kind, c.tally)
	}
	if err != nil {
		return nil, false
	}
	return s, c.bind(s, id)
}

func (c *client) bind(s *session, id identity) bool {
	ok, err := s.bind(id.bind(), directory.SamplePassword, ldap.Success)
	if !ok && err == nil {
		s.hangUp()
	}
	return ok
}

// whoever is an identity that binds, mostly the one that finds something.
func (c *client) whoever() identity {
	if c.r.IntN(5) == 0 {
		return endUser
	}
	return admin
}

// jamf connects for a few lookups, as Jamf does for each of its.
func (c *client) jamf(context.Context) {
	id := c.whoever()
	s, ok := c.enter(id)
	if !ok {
		return
	}
	defer s.hangUp()
	for range 1 + c.r.IntN(4) {
		if s.ask(id, c.any()) != nil {
			return
		}
	}
}

// longLived keeps its connection over all that happens upstream.
func (c *client) longLived(ctx context.Context) {
	id := c.whoever()
	s, ok := c.enter(id)
	if !ok {
		return
	}
	defer s.hangUp()
	for range 500 {
		if ctx.Err() != nil || s.ask(id, c.any()) != nil {
			return
		}
		pause(ctx, milliseconds(c.r.IntN(40)))
		if c.r.IntN(100) == 0 {
			pause(ctx, milliseconds(c.r.IntN(7000))) // longer than upstream.idle_timeout
		}
	}
}

// witness asks one small question all the time; its latency is in the report.
func (c *client) witness(ctx context.Context) {
	s, ok := c.enter(admin)
	if !ok {
		return
	}
	defer s.hangUp()
	for ctx.Err() == nil {
		asked := time.Now()
		if s.ask(admin, c.questions[7]) != nil {
			return
		}
		c.tally.witnessed(time.Since(asked), s.last.got.code == s.last.want.code)
		pause(ctx, 50*time.Millisecond)
	}
}

func (c *client) pipeliner(context.Context) {
	id := c.whoever()
	s, ok := c.enter(id)
	if !ok {
		return
	}
	defer s.hangUp()
	for range 5 {
		if s.ask(id, c.some(2+c.r.IntN(40))...) != nil {
			return
		}
	}
}

// pager reads all users in pages. Whatever the pages are, together they are
// the whole answer, once.
func (c *client) pager(context.Context) {
	s, ok := c.enter(admin)
	if !ok {
		return
	}
	defer s.hangUp()
	var sum answer
	page := ldap.PagedResults{Size: int32(20 + c.r.IntN(200))}
	for {
		if c.r.IntN(30) == 0 {
			return // leaves the cursor behind
		}
		p := &pending{op: "page"}
		s.send(p, ldap.OpSearchRequest, c.all.body, ldap.AppendControl(nil, page.Control(true)))
		if s.collect() != nil || p.got.code != ldap.Success {
			return
		}
		sum.entries += p.got.entries
		sum.digest += p.got.digest
		if page.Cookie = s.cookie; page.Cookie == "" {
			break
		}
	}
	if sum != c.all.want[admin] {
		c.tally.wrongAnswer("pager: the pages together are %d entries, not %d", sum.entries, c.all.want[admin].entries)
	}
}

func (c *client) abandoner(context.Context) {
	s, ok := c.enter(admin)
	if !ok {
		return
	}
	defer s.hangUp()
	for range 10 {
		q := c.any()
		id := s.send(&pending{op: q.name, judge: true, want: q.want[admin]}, q.op, q.body, nil)
		time.Sleep(time.Duration(c.r.IntN(3000)) * time.Microsecond)
		s.abandon(id)
		if s.ask(admin, c.any()) != nil {
			return
		}
	}
}

// wrongPassword fails to bind, and is nobody then.
func (c *client) wrongPassword(context.Context) {
	s, err := c.site.dial(c.kind, c.tally)
	if err != nil {
		return
	}
	defer s.hangUp()
	if c.r.IntN(2) == 0 && !c.bind(s, admin) {
		return
	}
	if _, err := s.bind(dn(userName(1+c.r.IntN(users-1))), "wrong", ldap.InvalidCredentials); err != nil {
		return
	}
	_ = s.ask(nobody, c.any())
}

// leaver goes away in the middle of an answer.
func (c *client) leaver(context.Context) {
	s, ok := c.enter(admin)
	if !ok {
		return
	}
	c.leave(s, 3)
	pause(context.Background(), milliseconds(c.r.IntN(20)))
	s.close()
}

// stuckReader asks for much and reads nothing, so that limits.write_stall ends it.
func (c *client) stuckReader(ctx context.Context) {
	s, ok := c.enter(admin)
	if !ok {
		return
	}
	c.leave(s, 16)
	pause(ctx, milliseconds(500+c.r.IntN(8000)))
	s.close()
}

// leave asks for all there is, half a megabyte, n times, and waits for none.
func (c *client) leave(s *session, n int) {
	q := search("everything", ldap.Present("objectClass"))
	for range n {
		s.send(&pending{op: q.name}, q.op, q.body, nil)
	}
	c.tally.forgive(s)
}

// stranger sends what is no LDAP, or half of it, and may be hung up on.
func (c *client) stranger(context.Context) {
	conn, err := net.DialTimeout("tcp", c.site.plain, patience)
	if err != nil {
		c.tally.end(c.kind, "not accepted: "+err.Error(), false)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(milliseconds(500 + c.r.IntN(5000))))
	talk := [][]byte{
		nonsense(c.r), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, {0x30},
		{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1}, {0x30, 0x80, 2, 1, 1, 0, 0}, {0x30, 5, 2, 1, 0, 0x42, 0},
	}
	_, _ = conn.Write(talk[c.r.IntN(len(talk))])
	_, err = io.Copy(io.Discard, conn)
	reason := "hung up on"
	if err != nil {
		reason = "left, or was reset"
	}
	c.tally.end(c.kind, reason, true)
}
