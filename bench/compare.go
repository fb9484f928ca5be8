package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The names of peers. Those of ours begin alike, for the eye.
const (
	directName  = "direct"
	haproxyName = "HAProxy TCP"
	backName    = "back-ldap"
	rwmName     = "back-ldap + rwm"
	pcacheName  = "back-ldap + pcache"
	offName     = "ours, off"
	posixName   = "ours, posix"
	mergeName   = "ours, merge"
	cachedName  = "ours, cached"
)

// peer is one way to the directory.
type peer struct {
	name    string
	process *process
	behind  []*process // where the work is done, when the process only hands it on
	target  target
	dialect dialect
	free    bool // may find other entries than the directory: it does not translate all
}

// comparison is a set of peers under the same loads.
type comparison struct {
	name, title string
	manner      manner
	clients     int
	rounds      int
	duration    time.Duration
	loads       []string
	peers       []peer

	samples map[string][]sample // by load and peer, one per round
	failed  map[string]bool     // peers that are out
}

func (c *comparison) of(load, peer string) []sample { return c.samples[load+"\x00"+peer] }

// run measures in rounds, each peer under each load, side by side in time.
func (c *comparison) run(ctx context.Context, s *site) error {
	c.samples, c.failed = map[string][]sample{}, map[string]bool{}
	c.loads = slices.DeleteFunc(c.loads, func(load string) bool { return !s.loadPattern.MatchString(load) })
	for _, load := range c.loads {
		c.check(s, load)
	}
	for round := range c.rounds {
		for _, load := range c.loads {
			for _, p := range c.peers {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if c.failed[p.name] || c.failed[load+p.name] {
					continue
				}
				if err := c.measure(s, round, load, &p); err != nil {
					s.note("%s, %s, %s: %v", c.name, load, p.name, err)
					c.failed[p.name] = true
				}
			}
		}
	}
	return nil
}

func (c *comparison) measure(s *site, round int, name string, p *peer) error {
	list, err := requests(s.loads, name, p.dialect)
	if err != nil {
		return err
	}
	l := load{p.target, p.pids(), c.manner, c.clients, list, c.duration}
	got, err := l.measure()
	if err != nil {
		return err
	}
	s.forgetLogs()
	key := name + "\x00" + p.name
	c.samples[key] = append(c.samples[key], got)
	progress("%-22s %d/%d  %-14s %-26s %8.0f/s %9.0f µs  CPU %6.1f µs, load's own %5.1f", c.name, round+1, c.rounds, name, p.name, got.perSecond, got.p50, got.cpu, got.own)
	return nil
}

// pids are the processes whose CPU time a lookup costs.
func (p *peer) pids() (pids []int) {
	for _, one := range p.behind {
		pids = append(pids, one.pid())
	}
	if pids == nil {
		pids = []int{p.process.pid()}
	}
	return pids
}

// check asks everything once: an answer that is not the directory's is not
// worth measuring.
func (c *comparison) check(s *site, load string) {
	want := -1
	for _, p := range c.peers {
		list, err := requests(s.loads, load, p.dialect)
		if err == nil {
			var entries int
			entries, err = count(p.target, list)
			switch {
			case err != nil:
			case want < 0:
				want = entries
			case entries == 0, entries != want && !p.free:
				err = fmt.Errorf("found %d entries, the first peer %d", entries, want)
			}
		}
		if err != nil {
			s.note("%s, %s, %s: left out: %v", c.name, load, p.name, err)
			c.failed[load+p.name] = true
		}
	}
}

// add starts a peer, unless it was not asked for or this version of ours cannot be it.
func (c *comparison) add(s *site, name string, d dialect, start func() (*process, error)) error {
	if !s.peerPattern.MatchString(name) {
		return nil
	}
	p, err := s.once(c.key(name), start)
	if errors.Is(err, errNotBuilt) {
		s.note("%s: %v", name, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	c.peers = append(c.peers, peer{name: name, process: p, target: p.target(), dialect: d, free: d == mapped})
	return nil
}

// key tells processes of one name apart that have another way upstream.
func (c *comparison) key(name string) string {
	switch c.name {
	case "persist", "connect":
		return name
	}
	return c.name + name
}
