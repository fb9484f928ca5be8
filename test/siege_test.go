package test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A siege is a proxy that is attacked while an honest client goes on with its
// lookups. When the test ends the witness says what it saw, and the proxy has to
// be as small as it was before.

// These bounds are wide, because the machine may be busy with other tests; what
// was measured is in the test's log and in docs/security-attacks.md.
const (
	witnessBound  = 10 * time.Second // of one lookup of the witness
	siegeMemory   = 64 << 20         // that may stay with the process
	siegeGoroutin = 24               // goroutines, beyond two per connection to upstream
	siegeFiles    = 6                // descriptors, beyond those to upstream
)

// besiege starts a proxy with a witness.
func besiege(t *testing.T, s settings) *proxy {
	t.Helper()
	if s.logLevel == "" {
		s.logLevel = "info" // debug would write every attack into the log twice
	}
	p := startWith(t, s)
	watch(t, p)
	return p
}

// watch puts a witness beside whatever the rest of the test does to p.
func watch(t *testing.T, p *proxy) {
	t.Helper()
	session := p.session()
	usable(t, wireClient{session})
	before := p.footprint()
	w := &witness{wire: session, stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(message(1<<20, search("(&(objectClass=groupOfNames)(cn=gameOfThrones))").wire(t)))
	t.Cleanup(func() {
		close(w.stop)
		<-w.done
		p.alive()
		w.judge(t)
		p.recovers(t, before)
	})
}

// witness asks the same small question again and again.
type witness struct {
	*wire
	stop, done chan struct{}
	took       []time.Duration
	err        error
}

func (w *witness) run(question []byte) {
	defer close(w.done)
	for {
		began := time.Now()
		if w.err = w.lookup(question); w.err != nil {
			return
		}
		w.took = append(w.took, time.Since(began))
		select {
		case <-w.stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (w *witness) lookup(question []byte) error {
	w.conn.SetWriteDeadline(time.Now().Add(witnessBound))
	if _, err := w.conn.Write(question); err != nil {
		return err
	}
	for entries := 0; ; entries++ {
		m, err := w.tryReceive(witnessBound)
		if err != nil {
			return err
		}
		if m.op.tag == opEntry {
			continue
		}
		if code, _, text := m.result(); code != 0 || entries != 1 {
			return fmt.Errorf("%d entries, code %d %s", entries, code, text)
		}
		return nil
	}
}

func (w *witness) judge(t *testing.T) {
	t.Helper()
	if w.err != nil {
		t.Errorf("the witness failed after %d lookups: %v", len(w.took), w.err)
	}
	if len(w.took) == 0 {
		t.Error("the witness made no lookup")
		return
	}
	slices.Sort(w.took)
	at := func(share float64) time.Duration {
		return w.took[int(share*float64(len(w.took)-1))].Round(10 * time.Microsecond)
	}
	t.Logf("witness: %d lookups, p50 %v, p99 %v, slowest %v", len(w.took), at(0.5), at(0.99), at(1))
}

// footprint is what a process holds.
type footprint struct {
	resident                                      int
	clients, upstream, files, goroutines, threads int
}

func (p *proxy) footprint() footprint {
	p.t.Helper()
	f := footprint{resident: residentMemory(p.t, p)}
	for line := range strings.Lines(p.get("/metrics")) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue
		}
		switch name, _, _ := strings.Cut(series, "{"); name {
		case "jamf_ldap_proxy_client_connections":
			f.clients = int(n)
		case "jamf_ldap_proxy_upstream_connections":
			f.upstream += int(n)
		case "process_open_fds":
			f.files = int(n)
		case "go_goroutines":
			f.goroutines = int(n)
		case "go_threads":
			f.threads = int(n)
		}
	}
	return f
}

// recovers waits until p is as small as it was before.
func (p *proxy) recovers(t *testing.T, before footprint) {
	t.Helper()
	var now footprint
	eventually(t, "the proxy is as it was before the attack", func() error {
		now = p.footprint()
		switch {
		case now.clients > before.clients:
			return fmt.Errorf("%d client connections, %d before", now.clients, before.clients)
		case now.files-now.upstream > before.files-before.upstream+siegeFiles:
			return fmt.Errorf("%d descriptors, %d of them to upstream; %d and %d before", now.files, now.upstream, before.files, before.upstream)
		case now.goroutines-2*now.upstream > before.goroutines+siegeGoroutin:
			return fmt.Errorf("%d goroutines with %d connections to upstream; %d and %d before", now.goroutines, now.upstream, before.goroutines, before.upstream)
		case now.resident > before.resident+siegeMemory && !strings.HasSuffix(p.cmd.Path, "race-true"):
			return fmt.Errorf("%d MiB resident, %d before", now.resident>>20, before.resident>>20)
		}
		return nil
	})
	t.Logf("before: %v; after: %v", before, now)
}

func (f footprint) String() string {
	return fmt.Sprintf("%.1f MiB, %d descriptors (%d to upstream), %d goroutines, %d threads",
		float64(f.resident)/(1<<20), f.files, f.upstream, f.goroutines, f.threads)
}

// dialAll opens n connections, bytes of which are the test's own business. They
// are closed with the test.
func dialAll(t testing.TB, address string, n int) []net.Conn {
	t.Helper()
	all := make([]net.Conn, 0, n)
	for range n {
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatalf("connection %d of %d: %v", len(all)+1, n, err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, c)
	}
	return all
}
