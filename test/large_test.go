package test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// The bound on the memory that a large answer may add: the answers below are
// several times as large.
const largeBound = 40 << 20

// TestLargeAnswersStream has 100,000 entries go through, 120 MB and more, and
// looks at the most memory the proxy ever had.
func TestLargeAnswersStream(t *testing.T) {
	for _, tc := range []struct {
		name, filter string
		op           []byte
		sees         string // in the first entry
	}{
		{"passed through", "(objectClass=inetOrgPerson)", entryOp("uid=a.user,"+usersBase,
			[]string{"objectClass", "top", "inetOrgPerson"}, []string{"uid", "a.user"}, []string{"description", strings.Repeat("x", 1100)}), "a.user"},
		{"bridged", "(objectClass=groupOfNames)", entryOp("cn=got,"+usersBase,
			[]string{"objectClass", "top", "posixGroup"}, []string{"cn", "got"}, manyUserNames(40)), "uid=first.lastname00039," + usersBase},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const entries = 100_000
			up := startFlood(t, entries, tc.op)
			p := startWith(t, settings{servers: []string{up.url()}, plain: true, logLevel: "info"})
			w := p.session()
			before := peakMemory(t, p)
			got := drain(t, w, search(tc.filter).wire(t), tc.sees)
			if got.entries != entries || got.code != 0 {
				t.Errorf("%d entries, code %d", got.entries, got.code)
			}
			checkPeak(t, p, before, got.octets)
		})
	}
}

// TestLargeGroupInBoundedMemory asks for a group of 20,000 members again and again: one entry
// has to be whole before it can be translated, but only one.
func TestLargeGroupInBoundedMemory(t *testing.T) {
	for _, tc := range []struct {
		filter string
		times  int // for 100 MB
	}{{"(objectClass=posixGroup)", 240}, {"(&(objectClass=groupOfNames)(cn=gameOfThrones))", 50}} {
		t.Run(tc.filter, func(t *testing.T) {
			up := startFlood(t, 1, entryOp("cn=got,"+usersBase,
				[]string{"objectClass", "top", "posixGroup"}, []string{"cn", "got"}, []string{"gidNumber", "7001"}, manyUserNames(20_000)))
			p := startWith(t, settings{servers: []string{up.url()}, plain: true, logLevel: "info"})
			w := p.session()
			before := peakMemory(t, p)
			var octets int64
			for range tc.times {
				got := drain(t, w, search(tc.filter).wire(t), "first.lastname19999")
				if got.entries != 1 || got.code != 0 {
					t.Fatalf("%d entries, code %d", got.entries, got.code)
				}
				octets += got.octets
			}
			checkPeak(t, p, before, octets)
		})
	}
}

// TestLargeAnswerNobodyReads leaves an answer of 120 MB in the middle. The
// proxy holds its write buffer and little else, serves others meanwhile, and
// hangs up after limits.write_stall.
func TestLargeAnswerNobodyReads(t *testing.T) {
	up := startFlood(t, 100_000, entryOp("uid=a.user,"+usersBase, []string{"description", strings.Repeat("x", 1100)}))
	const stall = 3 * time.Second
	p := startWith(t, settings{servers: []string{up.url()}, plain: true, logLevel: "info", limits: yamlMap{"write_stall": stall.String()}})
	other := p.session()
	usableFlood(t, other)
	before := peakMemory(t, p)

	const stuck = 24
	began := time.Now()
	var conns []*wire
	for range stuck {
		w := p.session()
		w.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		w.send(search("(objectClass=inetOrgPerson)").wire(t))
		conns = append(conns, w)
	}
	var slowest time.Duration
	for time.Since(began) < stall-500*time.Millisecond {
		asked := time.Now()
		usableFlood(t, other)
		slowest = max(slowest, time.Since(asked))
	}
	t.Logf("slowest lookup of another client meanwhile: %v", slowest)
	if slowest > time.Second {
		t.Errorf("another client waited %v", slowest)
	}
	for _, w := range conns {
		awaitCut(t, w, began, stall)
	}
	grown := peakMemory(t, p) - before
	t.Logf("%d clients that do not read: %d KiB each at the most", stuck, grown/stuck>>10)
	if grown > stuck*(2<<20) {
		t.Errorf("%d clients that do not read cost %d KiB each", stuck, grown/stuck>>10)
	}
	usableFlood(t, other)
}

// usableFlood is one small lookup.
func usableFlood(t *testing.T, w *wire) {
	t.Helper()
	if r := w.ask(search("(uid=" + smallUser + ")").wire(t)); r.code != 0 || len(r.entries) != 1 {
		t.Fatalf("code %d, %d entries", r.code, len(r.entries))
	}
}

// awaitCut looks at the writing side: what waits to be read hides the end from
// a reader that does not read.
func awaitCut(t *testing.T, w *wire, began time.Time, stall time.Duration) {
	t.Helper()
	for time.Since(began) < stall+patience {
		if _, err := w.conn.Write(message(77, tlv(opAbandon, []byte{1}))); err != nil {
			if took := time.Since(began); took < stall-100*time.Millisecond {
				t.Errorf("cut off after %v, before limits.write_stall", took)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("a client that does not read is still connected after %v", stall+patience)
}

// TestLargeAnswerOutlastsSearchTimeout: an answer that keeps coming is not cut
// off, although it takes several times upstream.search_timeout because its
// client reads slowly.
func TestLargeAnswerOutlastsSearchTimeout(t *testing.T) {
	const entries, timeout = 40_000, 2 * time.Second
	up := startFlood(t, entries, entryOp("uid=a.user,"+usersBase, []string{"description", strings.Repeat("x", 1100)}))
	p := startWith(t, settings{servers: []string{up.url()}, plain: true, logLevel: "info", upstream: yamlMap{"search_timeout": timeout.String()}})
	w := p.session()
	w.conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	w.send(search("(objectClass=inetOrgPerson)").wire(t))
	w.r = bufio.NewReaderSize(&slowReader{w.conn, 10 * time.Millisecond}, 64<<10)
	got := count(t, w)
	t.Logf("%d entries, code %d, after %v", got.entries, got.code, got.took)
	if got.code != goldap.LDAPResultSuccess || got.entries != entries {
		t.Errorf("code %d after %d entries and %v, want all %d", got.code, got.entries, got.took, entries)
	}
	if got.took < timeout {
		t.Errorf("the answer took %v only: this tests nothing", got.took)
	}
}

// slowReader reads 64 KiB and rests: 6 MB a second.
type slowReader struct {
	io.Reader
	rest time.Duration
}

func (s *slowReader) Read(b []byte) (int, error) {
	time.Sleep(s.rest)
	return s.Reader.Read(b[:min(len(b), 64<<10)])
}

// drained is a large answer after it has been read.
type drained struct {
	entries int
	octets  int64
	code    int
	took    time.Duration
}

// drain asks and reads; the first entry has to contain a text.
func drain(t *testing.T, w *wire, op []byte, sees string) drained {
	t.Helper()
	w.send(op)
	first := w.receive()
	if first.op.tag != opEntry || !bytes.Contains(first.raw, []byte(sees)) {
		t.Fatalf("first message lacks %s: % x", sees, first.raw[:min(200, len(first.raw))])
	}
	d := count(t, w)
	d.entries++
	d.octets += int64(len(first.raw))
	return d
}

// count reads to the result and keeps nothing.
func count(t *testing.T, w *wire) (d drained) {
	t.Helper()
	began := time.Now()
	for {
		p, err := w.tryReceive(4 * patience)
		if err != nil {
			t.Fatalf("after %d entries: %v", d.entries, err)
		}
		d.octets += int64(len(p.raw))
		if p.op.tag != opEntry {
			d.code, _, _ = p.result()
			d.took = time.Since(began)
			return d
		}
		d.entries++
	}
}

func checkPeak(t *testing.T, p *proxy, before int, octets int64) {
	t.Helper()
	grown := peakMemory(t, p) - before
	t.Logf("%d MB of answers, memory grew by %d KiB at the most", octets/1_000_000, grown>>10)
	if grown > largeBound {
		t.Errorf("memory grew by %d MiB for answers of %d MiB", grown>>20, octets>>20)
	}
	if octets < 2*largeBound {
		t.Errorf("answers of %d octets are too small to show anything", octets)
	}
}
