package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// manner is how the load uses connections.
type manner int

const (
	persistent manner = iota // bind once, then one search after the other
	perLookup                // connect, bind, search, unbind
)

// load is one measurement.
type load struct {
	target   target
	pids     []int // whose CPU time is measured
	manner   manner
	clients  int
	requests [][]byte
	duration time.Duration
}

// sample is its outcome; times in microseconds.
type sample struct {
	perSecond float64
	cpu       float64 // of the peer's process per lookup; of the directory's own for "direct"
	own       float64 // of the load generator
	p50, p99  float64
}

// worker is one client of the load, which asks again as soon as it is answered.
type worker struct {
	client client
	took   []uint32 // tenths of a microsecond
	err    error
}

// patience is what one measurement may take beyond its duration.
const patience = 20 * time.Second

func (l *load) measure() (sample, error) {
	list := make([]*worker, l.clients)
	deadline := time.Now().Add(l.duration + patience)
	for i := range list {
		list[i] = &worker{took: make([]uint32, 0, 1<<16)}
		if l.manner == persistent {
			if err := l.target.dial(&list[i].client, deadline); err != nil {
				return sample{}, err
			}
			defer list[i].client.conn.Close()
		}
	}
	cpu, own, err := cpuTimes(l.pids)
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, w := range list {
		wg.Go(func() { w.err = w.loop(l, start.Add(l.duration), deadline) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	cpuAfter, ownAfter, err := cpuTimes(l.pids)
	if err != nil {
		return sample{}, err
	}
	return summary(list, elapsed, cpuAfter-cpu, ownAfter-own)
}

func cpuTimes(pids []int) (peer, own time.Duration, err error) {
	for _, pid := range pids {
		one, err := cpuTime(pid)
		if err != nil {
			return 0, 0, err
		}
		peer += one
	}
	own, err = cpuTime(os.Getpid())
	return peer, own, err
}

func summary(list []*worker, elapsed, cpu, own time.Duration) (sample, error) {
	var all []uint32
	for _, w := range list {
		if w.err != nil {
			return sample{}, w.err
		}
		all = append(all, w.took...)
	}
	if len(all) == 0 {
		return sample{}, errors.New("no lookup was finished")
	}
	slices.Sort(all)
	n := float64(len(all))
	return sample{
		perSecond: n / elapsed.Seconds(),
		cpu:       float64(cpu.Microseconds()) / n, own: float64(own.Microseconds()) / n,
		p50: float64(all[len(all)/2]) / 10, p99: float64(all[len(all)*99/100]) / 10,
	}, nil
}

// loop reads the clock once per lookup: the end of one is the start of the next.
func (w *worker) loop(l *load, until, deadline time.Time) error {
	before := time.Now()
	for i := rand.IntN(len(l.requests)); before.Before(until); i++ {
		if err := w.lookup(l, l.requests[i%len(l.requests)], deadline); err != nil {
			return err
		}
		now := time.Now()
		w.took = append(w.took, uint32(now.Sub(before)/100))
		before = now
	}
	return nil
}

func (w *worker) lookup(l *load, request []byte, deadline time.Time) error {
	if l.manner == perLookup {
		if err := l.target.dial(&w.client, deadline); err != nil {
			return err
		}
		defer w.client.hangUp()
	}
	_, err := w.client.ask(request)
	return err
}

// count asks every request once and returns the entries found: peers that
// answer the same question have to find the same. It also warms caches.
func count(t target, requests [][]byte) (entries int, err error) {
	var c client
	if err := t.dial(&c, time.Now().Add(patience)); err != nil {
		return 0, err
	}
	defer c.hangUp()
	for i, r := range requests {
		n, err := c.ask(r)
		if err != nil {
			return entries, fmt.Errorf("request %d: %w", i, err)
		}
		entries += n
	}
	return entries, nil
}
