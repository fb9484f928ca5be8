package main

import (
	"context"
	"fmt"
)

const (
	oneReplica  = "ours, one behind HAProxy"
	twoReplicas = "ours, two behind HAProxy"
)

// measureReplicas tells what a lookup costs when two proxies share the load,
// and how evenly they do: they know nothing of each other, so a second one
// should cost nothing but what it takes over. CPU is that of the proxies.
func measureReplicas(ctx context.Context, s *site, o *options, r *report) error {
	for _, how := range []manner{persistent, perLookup} {
		c := r.compare(comparison{
			name: "replicas", title: fmt.Sprintf("One and two proxies behind HAProxy, %s, %d at a time", how.words(), o.clients),
			manner: how, clients: o.clients, rounds: o.rounds, duration: o.duration, loads: []string{mixedLoad},
		})
		for i, name := range []string{oneReplica, twoReplicas} {
			if err := s.addReplicas(c, name, i+1); err != nil {
				return err
			}
		}
		if err := c.run(ctx, s); err != nil {
			return err
		}
		s.noteShares(c)
	}
	return nil
}

func (h manner) words() string {
	if h == perLookup {
		return "a connection for every lookup"
	}
	return "connections that stay"
}

func (s *site) addReplicas(c *comparison, name string, n int) error {
	var all []*process
	var addresses []upstream
	for i := range n {
		p, err := s.once(fmt.Sprintf("%s %d", name, i), func() (*process, error) {
			return s.startOurs(fmt.Sprintf("replica-%d-%d", n, i), s.plainUpstream(), posixMode)
		})
		if err != nil {
			return fmt.Errorf("starting %s: %w", name, err)
		}
		all, addresses = append(all, p), append(addresses, upstream{address: p.plain})
	}
	err := c.add(s, name, vocabulary, func() (*process, error) {
		return s.startHAProxy(fmt.Sprintf("haproxy-replicas-%d", n), addresses...)
	})
	if last := len(c.peers) - 1; err == nil && last >= 0 && c.peers[last].name == name {
		c.peers[last].behind = all
	}
	return err
}

// noteShares tells how much of the work each of two did, over the whole run.
func (s *site) noteShares(c *comparison) {
	for _, p := range c.peers {
		if len(p.behind) != 2 {
			continue
		}
		a, errA := cpuTime(p.behind[0].pid())
		b, errB := cpuTime(p.behind[1].pid())
		if errA == nil && errB == nil && a+b > 0 {
			s.note("replicas, %s: the two have shared the work so far %.0f to %.0f", c.manner.words(),
				100*a.Seconds()/(a+b).Seconds(), 100*b.Seconds()/(a+b).Seconds())
		}
	}
}
