package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// plainPeers are those of the groups persist and connect.
func (s *site) plainPeers(c *comparison) error {
	up := s.plainUpstream()
	for _, p := range []struct {
		name    string
		dialect dialect
		start   func() (*process, error)
	}{
		{directName, native, func() (*process, error) { return s.directory, nil }},
		{haproxyName, native, func() (*process, error) { return s.startHAProxy("haproxy", up) }},
		{backName, native, func() (*process, error) { return s.startBackLDAP("back", up, "", "") }},
		{rwmName, mapped, func() (*process, error) { return s.startRWM(up) }},
		{pcacheName, native, func() (*process, error) { return s.startPCache(up) }},
		{offName, native, func() (*process, error) { return s.startOurs("off", up, offMode) }},
		{posixName, vocabulary, func() (*process, error) { return s.startOurs("posix", up, posixMode) }},
		{mergeName, vocabulary, func() (*process, error) { return s.startOurs("merge", up, mergeMode) }},
		{cachedName, vocabulary, func() (*process, error) { return s.startOurs("cached", up, cached) }},
	} {
		if err := c.add(s, p.name, p.dialect, p.start); err != nil {
			return err
		}
	}
	return nil
}

func measurePersistent(ctx context.Context, s *site, o *options, r *report) error {
	c := r.compare(comparison{
		name: "persist", title: fmt.Sprintf("%d connections that stay", o.clients),
		manner: persistent, clients: o.clients, rounds: o.rounds, duration: o.duration,
		loads: []string{userLoad, groupLoad, membershipLoad, largeLoad, mixedLoad},
	})
	if err := s.plainPeers(c); err != nil {
		return err
	}
	return c.run(ctx, s)
}

func measureConnect(ctx context.Context, s *site, o *options, r *report) error {
	c := r.compare(comparison{
		name: "connect", title: fmt.Sprintf("A connection for every lookup (connect, bind, search, unbind), %d at a time", o.clients),
		manner: perLookup, clients: o.clients, rounds: o.rounds, duration: o.duration, loads: []string{userLoad},
	})
	if o.full {
		c.loads = append(c.loads, membershipLoad, mixedLoad)
	}
	if err := s.plainPeers(c); err != nil {
		return err
	}
	return c.run(ctx, s)
}

// tlsCase is where TLS is spoken.
type tlsCase struct {
	name             string
	client, upstream bool
}

func measureTLS(ctx context.Context, s *site, o *options, r *report) error {
	cases := []tlsCase{{"tls client", true, false}, {"tls upstream", false, true}}
	if o.full {
		cases = append(cases, tlsCase{"tls both", true, true})
	}
	for _, how := range []manner{persistent, perLookup} {
		for _, t := range cases {
			c := r.compare(comparison{
				name: t.name, title: t.title(how), manner: how,
				clients: o.clients, rounds: o.rounds, duration: o.duration, loads: []string{userLoad},
			})
			if err := s.tlsPeers(c, t); err != nil {
				return err
			}
			if err := c.run(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t tlsCase) title(how manner) string {
	where := "LDAPS from the client, plain to the directory"
	switch {
	case t.client && t.upstream:
		where = "LDAPS from the client and to the directory"
	case t.upstream:
		where = "Plain from the client, LDAPS to the directory"
	}
	if how == perLookup {
		return where + ", a connection for every lookup"
	}
	return where + ", connections that stay"
}

func (s *site) tlsPeers(c *comparison, t tlsCase) error {
	up, key := s.plainUpstream(), "plain"
	if t.upstream {
		up, key = s.secureUpstream(), "secure"
	}
	for _, p := range []struct {
		name    string
		dialect dialect
		start   func() (*process, error)
	}{
		{directName, native, func() (*process, error) { return s.directory, nil }},
		{haproxyName, native, func() (*process, error) { return s.startHAProxy("haproxy-tls-"+key, up) }},
		{backName, native, func() (*process, error) { return s.startBackLDAP("back-tls-"+key, up, "", "") }},
		{posixName, vocabulary, func() (*process, error) { return s.startOurs("posix-tls-"+key, up, posixMode) }},
	} {
		if err := c.add(s, p.name, p.dialect, p.start); err != nil {
			return err
		}
	}
	for i, p := range c.peers {
		if t.client || p.name == directName {
			c.peers[i].target = p.process.secureTarget(s.certs)
		}
	}
	return nil
}

// The variants of ours on the line, named for what is ready before the lookup.
const (
	lineWarm   = "ours, posix, warm connections"
	lineBind   = "ours, posix, warm, bind cached"
	lineCached = "ours, posix, warm, bind and answers cached"
)

func measureLine(ctx context.Context, s *site, o *options, r *report) error {
	far, err := startLine(s.directory.secure, 20*time.Millisecond)
	if err != nil {
		return err
	}
	defer far.close()
	up := upstream{far.address(), true}
	for _, how := range []manner{perLookup, persistent} {
		for _, clients := range []int{1, 8} {
			c := r.compare(comparison{
				name: "line", manner: how, clients: clients, rounds: 1, duration: max(o.duration, 2*time.Second), loads: []string{userLoad},
				title: lineTitle(how, clients),
			})
			if err := s.linePeers(c, up); err != nil {
				return err
			}
			if err := c.run(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func lineTitle(how manner, clients int) string {
	if how == perLookup {
		return fmt.Sprintf("Directory 40 ms away over LDAPS, a connection for every lookup, %d at a time", clients)
	}
	return fmt.Sprintf("Directory 40 ms away over LDAPS, %d connections that stay", clients)
}

func (s *site) linePeers(c *comparison, up upstream) error {
	all := posixMode
	for _, p := range []struct {
		name    string
		dialect dialect
		start   func() (*process, error)
	}{
		{directName, native, func() (*process, error) { return s.directory, nil }},
		{haproxyName, native, func() (*process, error) { return s.startHAProxy("haproxy-line", up) }},
		{backName, native, func() (*process, error) { return s.startBackLDAP("back-line", up, "", "") }},
		{posixName, vocabulary, func() (*process, error) { return s.startOurs("posix-line", up, posixMode) }},
		{lineWarm, vocabulary, func() (*process, error) { all.warm = 8; return s.startOurs("warm-line", up, all) }},
		{lineBind, vocabulary, func() (*process, error) { all.warm, all.cacheBind = 8, true; return s.startFar("bind-line", up, all) }},
		{lineCached, vocabulary, func() (*process, error) {
			all.warm, all.cacheBind, all.cacheTTL = 8, true, "10m"
			return s.startFar("cached-line", up, all)
		}},
	} {
		if err := c.add(s, p.name, p.dialect, p.start); err != nil {
			return err
		}
	}
	if i := slices.IndexFunc(c.peers, func(p peer) bool { return p.name == directName }); i >= 0 {
		c.peers[i].target = target{address: up.address, tls: s.certs.client}
	}
	return nil
}
