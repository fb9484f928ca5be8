package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// holding is the memory of a peer with idle, bound clients.
type holding struct {
	peer          string
	clients       int
	before, after int64 // resident, in octets
}

func (h holding) each() float64 { return float64(h.after-h.before) / float64(h.clients) }

// measureIdle starts peers afresh, because memory remembers.
func measureIdle(ctx context.Context, s *site, o *options, r *report) error {
	up := s.plainUpstream()
	peers := []struct {
		name  string
		start func() (*process, error)
		tls   bool
	}{
		{haproxyName, func() (*process, error) { return s.startHAProxy("haproxy-idle", up) }, false},
		{backName, func() (*process, error) { return s.startBackLDAP("back-idle", up, "", "") }, false},
		{posixName, func() (*process, error) { return s.startOurs("posix-idle", up, posixMode) }, false},
		{posixName + ", LDAPS", func() (*process, error) { return s.startOurs("posix-idle-tls", up, posixMode) }, true},
	}
	for _, p := range peers {
		proc, err := p.start()
		if err != nil {
			return err
		}
		t := proc.target()
		if p.tls {
			t = proc.secureTarget(s.certs)
		}
		h, err := hold(ctx, p.name, proc.pid(), t, o.idle)
		proc.stop()
		s.forget(proc)
		if err != nil {
			s.note("idle, %s: %v", p.name, err)
			continue
		}
		progress("idle %-22s %5.1f MiB, with %d clients %6.1f MiB: %.0f octets each", h.peer, mib(h.before), h.clients, mib(h.after), h.each())
		r.holdings = append(r.holdings, h)
	}
	return nil
}

func mib(octets int64) float64 { return float64(octets) / (1 << 20) }

// hold opens the connections a few at a time, binds them, waits a moment and
// looks.
func hold(ctx context.Context, name string, pid int, t target, n int) (h holding, err error) {
	time.Sleep(500 * time.Millisecond) // for what a start does
	h = holding{peer: name, clients: n}
	if h.before, err = resident(pid); err != nil {
		return h, err
	}
	const openers = 8
	var (
		clients = make([]client, n)
		failed  [openers]error
		wg      sync.WaitGroup
	)
	for i := range openers {
		wg.Go(func() {
			buf := make([]byte, 4<<10) // only needed while binding
			for j := i; j < n && failed[i] == nil && ctx.Err() == nil; j += openers {
				clients[j].buf = buf
				failed[i] = t.dial(&clients[j], time.Now().Add(patience))
				clients[j].buf = nil
			}
		})
	}
	wg.Wait()
	defer func() {
		for _, c := range clients {
			if c.conn != nil {
				_ = c.conn.Close()
			}
		}
	}()
	for _, err := range failed {
		if err != nil {
			return h, fmt.Errorf("opening %d connections: %w", n, err)
		}
	}
	time.Sleep(2 * time.Second)
	h.after, err = resident(pid)
	return h, err
}

// forget takes a process off the list of those to stop.
func (s *site) forget(p *process) {
	for i, r := range s.running {
		if r == p {
			s.running = append(s.running[:i], s.running[i+1:]...)
			return
		}
	}
}
