package main

import (
	"fmt"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// tally is everything that clients saw.
type tally struct {
	mu      sync.Mutex
	asked   map[string]int                     // by operation
	results map[string]map[ldap.ResultCode]int // by operation
	faults  map[ldap.ResultCode]int            // 51, 52 and 3 of what has another right answer
	left    int                                // requests that the client gave up
	ends    map[string]int                     // of connections, with the reason
	odd     map[string]int                     // ends that no client caused
	lost    findings
	doubled findings
	wrong   findings
	witness []time.Duration // of right answers
	late    []time.Duration // of its faults
}

// findings are faults of the proxy: all are counted, the first are told.
type findings struct {
	n    int
	told []string
}

func (f *findings) add(text string) {
	if f.n++; len(f.told) < 20 {
		f.told = append(f.told, text)
	}
}

func newTally() *tally {
	return &tally{
		asked: map[string]int{}, results: map[string]map[ldap.ResultCode]int{}, faults: map[ldap.ResultCode]int{},
		ends: map[string]int{}, odd: map[string]int{},
	}
}

// faultCode tells whether a result says that upstream is in trouble.
func faultCode(c ldap.ResultCode) bool {
	return c == ldap.Unavailable || c == ldap.TimeLimitExceeded || c == ldap.Busy
}

func (t *tally) locked(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

func (t *tally) ask(op string) { t.locked(func() { t.asked[op]++ }) }

// result judges an answer: right, a fault of upstream's, or wrong.
func (t *tally) result(kind string, p *pending, diagnostic string) {
	t.locked(func() {
		if t.results[p.op] == nil {
			t.results[p.op] = map[ldap.ResultCode]int{}
		}
		t.results[p.op][p.got.code]++
		switch {
		case p.got.code == p.want.code && (!p.judge || p.got == p.want):
		case faultCode(p.got.code):
			t.faults[p.got.code]++
		case p.got.code == p.want.code:
			t.wrong.add(fmt.Sprintf("%s: %s: %d entries, or their contents, are not the %d there are", kind, p.op, p.got.entries, p.want.entries))
		default:
			t.wrong.add(fmt.Sprintf("%s: %s: %v %q, want %v", kind, p.op, p.got.code, diagnostic, p.want.code))
		}
	})
}

// forgive takes back what a client asked and will not wait for.
func (t *tally) forgive(s *session) {
	t.locked(func() {
		for id, p := range s.open {
			t.left++
			p.given = true
			delete(s.open, id)
		}
	})
}

func (t *tally) end(kind, reason string, deserved bool) {
	t.locked(func() {
		if deserved {
			t.ends[kind+": "+reason]++
		} else {
			t.odd[kind+": "+reason]++
		}
	})
}

func (t *tally) lostAnswer(text string)    { t.locked(func() { t.lost.add(text) }) }
func (t *tally) doubledAnswer(text string) { t.locked(func() { t.doubled.add(text) }) }
func (t *tally) wrongAnswer(format string, args ...any) {
	t.locked(func() { t.wrong.add(fmt.Sprintf(format, args...)) })
}

func (t *tally) witnessed(d time.Duration, right bool) {
	t.locked(func() {
		if right {
			t.witness = append(t.witness, d)
		} else {
			t.late = append(t.late, d)
		}
	})
}

func sum[K comparable](m map[K]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// line is for who watches.
func (t *tally) line() (s string) {
	t.locked(func() {
		s = fmt.Sprintf("%d asked, %d faults passed on, lost %d, doubled %d, wrong %d, odd ends %d",
			sum(t.asked), sum(t.faults), t.lost.n, t.doubled.n, t.wrong.n, sum(t.odd))
	})
	return s
}
