package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// guesser tries passwords against a backoff whose clock the test moves.
type guesser struct {
	*testing.T
	*backoff
	clock time.Time
	logs  *observer.ObservedLogs
}

const guessedDN = "uid=jamf,ou=Users,dc=com"

var guessersAddr = netip.MustParseAddr("10.0.0.1")

func newGuesser(t *testing.T, l Limits) *guesser {
	core, logs := observer.New(zap.InfoLevel)
	g := &guesser{T: t, clock: time.Unix(1e9, 0), logs: logs}
	g.backoff = newBackoff(&l, func() time.Time { return g.clock }, zap.New(core), nil)
	return g
}

// password stands for one, as an Identity's key does.
func password(name string) (id identityKey) {
	copy(id[:], name)
	return id
}

func (g *guesser) try(dn, pw string) (*attempt, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing is to wait here
	return g.begin(ctx, backoffKeyOf(guessersAddr, dn), dn, password(pw))
}

// fail lets upstream refuse one password.
func (g *guesser) fail(dn, pw string) {
	g.Helper()
	a, err := g.try(dn, pw)
	if err != nil {
		g.Fatalf("%s was not admitted: %v", dn, err)
	}
	a.failed()
	a.end()
}

func (g *guesser) succeed(dn, pw string) {
	g.Helper()
	a, err := g.try(dn, pw)
	if err != nil {
		g.Fatalf("%s was not admitted: %v", dn, err)
	}
	a.succeeded()
	a.end()
}

func (g *guesser) refused(dn, pw string) {
	g.Helper()
	if _, err := g.try(dn, pw); err == nil {
		g.Fatalf("%s was admitted", dn)
	}
}

// left is how long a bind would have to wait.
func (g *guesser) left(dn string) time.Duration {
	b := g.backoff
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	if e := b.entries[backoffKeyOf(guessersAddr, dn)]; e != nil && e.wait > 0 {
		return e.until.Sub(g.clock)
	}
	return 0
}

func TestBackoffDoublesUpToSixteenTimes(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 3, FailedBindWait: time.Second})
	for range 3 {
		g.fail(guessedDN, "guess")
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
		if left := g.left(guessedDN); left != want*time.Second {
			t.Fatalf("waits %v, want %vs", left, int(want))
		}
		g.refused(guessedDN, "guess")
		g.clock = g.clock.Add(want * time.Second)
		a, err := g.try(guessedDN, "guess")
		if err != nil {
			t.Fatalf("still waits: %v", err)
		}
		g.refused(guessedDN, "guess") // two attempts at a time
		a.failed()
	}
	g.clock = g.clock.Add(time.Hour)
	g.fail(guessedDN, "typo")
	if left := g.left(guessedDN); left != 0 {
		t.Errorf("waits %v after an hour of peace and one mistake", left)
	}
}

// However many try at the same time, no more than the limit are failed or
// unanswered.
func TestBackoffCountsWhatIsNotAnsweredYet(t *testing.T) {
	const after, tries = 5, 200
	g := newGuesser(t, Limits{FailedBinds: after, FailedBindWait: time.Hour})
	var (
		asked, refused atomic.Int32
		answer         = make(chan struct{})
		done           sync.WaitGroup
	)
	for i := range tries {
		done.Go(func() {
			a, err := g.begin(t.Context(), backoffKeyOf(guessersAddr, guessedDN), guessedDN, password(fmt.Sprint(i)))
			if err != nil {
				refused.Add(1)
				return
			}
			defer a.end()
			asked.Add(1)
			<-answer
			a.failed()
		})
	}
	for deadline := time.Now().Add(10 * time.Second); asked.Load() < after; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d were asked", asked.Load())
		}
	}
	close(answer)
	done.Wait()
	if asked.Load() != after || refused.Load() != tries-after {
		t.Errorf("upstream was asked %d times, %d were refused; want %d and %d", asked.Load(), refused.Load(), after, tries-after)
	}
	if len(g.entries) != 1 {
		t.Errorf("%d entries are left", len(g.entries))
	}
}

// The right password goes through on many connections at once as soon as
// upstream has accepted it once, unless somebody else asks or has failed: it
// would be let through where a wrong one waits, and tell which is right.
func TestBackoffLetsTheRightPasswordPassInParallel(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 3, FailedBindWait: time.Hour})
	begin := func(pw string) *attempt {
		t.Helper()
		a, err := g.try(guessedDN, pw)
		if err != nil {
			t.Fatalf("%s: %v", pw, err)
		}
		return a
	}
	first := begin("right")
	for range 2 {
		begin("right")
	}
	g.refused(guessedDN, "right") // upstream has not said so yet
	first.succeeded()
	for range 10 {
		begin("right")
	}
	var guesses []*attempt
	for range 3 {
		guesses = append(guesses, begin("guess"))
	}
	g.refused(guessedDN, "guess")
	g.refused(guessedDN, "right")
	for _, a := range guesses[:2] {
		a.end()
	}
	guesses[2].failed()
	begin("right").end()
	begin("right")
	begin("right")
	g.refused(guessedDN, "right")
}

func TestBackoffTableIsBounded(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 2, FailedBindWait: 10 * time.Minute})
	g.fail(guessedDN, "guess")
	g.fail(guessedDN, "guess")
	for i := range 2 * backoffEntries {
		g.fail(fmt.Sprintf("uid=%d", i), "guess")
	}
	if n := g.counting.Len() + g.held.Len(); n != backoffEntries || len(g.entries) != n {
		t.Errorf("%d entries, %d in order", len(g.entries), n)
	}
	if g.left(guessedDN) == 0 {
		t.Error("who is held back was forgotten for many who are not")
	}
	g.fail(fmt.Sprintf("uid=%d", 2*backoffEntries-1), "guess")
	if g.left(fmt.Sprintf("uid=%d", 2*backoffEntries-1)) == 0 {
		t.Error("the freshest failure was forgotten")
	}
}

func TestBackoffForgetsAttempts(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 2, FailedBindWait: time.Minute})
	for i := range 100 {
		dn := fmt.Sprintf("uid=%d", i)
		a, err := g.try(dn, "x")
		if err != nil {
			t.Fatal(err)
		}
		a.end() // upstream did not answer
		g.succeed(dn, "right")
	}
	if len(g.entries) != 0 {
		t.Errorf("%d entries are kept for nothing", len(g.entries))
	}
}

func TestBackoffExemptDN(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 2, FailedBindWait: time.Hour, FailedBindsExempt: []string{strings.ToUpper(guessedDN)}})
	hold := func() {
		g.Helper()
		for g.left(guessedDN) == 0 {
			g.fail(guessedDN, "guess")
		}
	}
	hold()
	g.refused(guessedDN, "right") // nobody has said that it is
	g.clock = g.clock.Add(time.Hour)
	g.succeed(guessedDN, "right")
	hold()
	for range 10 {
		a, err := g.try(guessedDN, "right")
		if err != nil {
			t.Fatalf("the right password waits: %v", err)
		}
		defer a.end()
	}
	g.refused(guessedDN, "another guess")
	g.fail(guessedDN, "right") // changed upstream: from now on a guess like any other
	g.refused(guessedDN, "right")

	g.clock = g.clock.Add(2 * time.Hour)
	g.succeed(guessedDN, "new")
	hold()
	g.configure(&Limits{FailedBinds: 2, FailedBindWait: time.Hour})
	g.refused(guessedDN, "new")
	// Another address gains nothing by the exemption's being of a DN.
	elsewhere := backoffKeyOf(netip.MustParseAddr("10.0.0.2"), guessedDN)
	if a, err := g.begin(t.Context(), elsewhere, guessedDN, password("guess")); err != nil {
		t.Errorf("somebody elsewhere waits: %v", err)
	} else {
		a.end()
	}
}

// A reload changes limits and forgets no failure.
func TestBackoffIsConfiguredAnew(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 5, FailedBindWait: time.Hour, FailedBindsExempt: []string{guessedDN}})
	g.succeed(guessedDN, "right")
	g.fail(guessedDN, "guess")
	g.fail(guessedDN, "guess")
	g.configure(&Limits{FailedBinds: 3, FailedBindWait: time.Minute, FailedBindsExempt: []string{guessedDN}})
	g.fail(guessedDN, "guess")
	if left := g.left(guessedDN); left != time.Minute {
		t.Errorf("waits %v", left)
	}
	a, err := g.try(guessedDN, "right")
	if err != nil {
		t.Fatalf("the exempt DN's password was forgotten: %v", err)
	}
	a.end()
}

func TestBackoffIsLoggedOnceAtBothEnds(t *testing.T) {
	g := newGuesser(t, Limits{FailedBinds: 2, FailedBindWait: time.Second})
	ended := func(how string) {
		t.Helper()
		entries := g.logs.TakeAll()
		if len(entries) != 2 {
			t.Fatalf("%d lines, want one at the beginning and one at the end: %v", len(entries), entries)
		}
		begin, end := entries[0], entries[1]
		m := begin.ContextMap()
		if begin.Level != zap.WarnLevel || !strings.Contains(begin.Message, "limits.failed_binds") ||
			m["client"] != "10.0.0.1" || m["dn"] != guessedDN || m["failures"] != int64(2) || m["wait"] != time.Second {
			t.Errorf("begin: %s %v", begin.Message, m)
		}
		if m := end.ContextMap(); !strings.Contains(end.Message, how) || m["failures"] != int64(4) || m["dn"] != guessedDN {
			t.Errorf("end: %s %v", end.Message, m)
		}
	}
	for range 4 {
		g.fail(guessedDN, "guess")
		g.clock = g.clock.Add(time.Minute)
	}
	if g.active() != 1 {
		t.Errorf("%d are held back", g.active())
	}
	g.succeed(guessedDN, "right")
	ended("right password")
	for range 4 {
		g.fail(guessedDN, "guess")
		g.clock = g.clock.Add(time.Minute)
	}
	g.clock = g.clock.Add(time.Hour)
	if g.active() != 0 {
		t.Errorf("%d are held back after an hour", g.active())
	}
	ended("nobody has tried")
}

func TestBackoffKeyIgnoresSpelling(t *testing.T) {
	want := backoffKeyOf(guessersAddr, guessedDN)
	for _, dn := range []string{
		"UID=Jamf,OU=users,DC=com", "uid=jamf, ou=Users , dc=com", `uid=j\61mf,ou=Users,dc=com`, "uid=#04046a616d66,ou=Users,dc=com",
		"0.9.2342.19200300.100.1.1=jamf,2.5.4.11=Users,0.9.2342.19200300.100.1.25=com", "userid=jamf,ou=Users,dc=com",
		"uid=\uff4aamf,ou=Users,dc=com", "uid=ja\u00admf,ou=Users,dc=com", "uid=jamf,ou=U\u017fers,dc=com",
	} {
		if got := backoffKeyOf(guessersAddr, dn); got != want {
			t.Errorf("%s is another key: %x", dn, got.dn)
		}
	}
	for _, dn := range []string{"uid=jamf2,ou=Users,dc=com", "uid=jamf,ou=Users", `uid=jamf\,Users,dc=com`, "uid=jamf+ou=Users,dc=com"} {
		if backoffKeyOf(guessersAddr, dn) == want {
			t.Errorf("%s is the same key", dn)
		}
	}
	if backoffKeyOf(guessersAddr, `uid="jamf",dc=com`) != backoffKeyOf(guessersAddr, "uid=jamf;dc=com") {
		t.Error("what is no DN has a key for every spelling")
	}
	if backoffKeyOf(guessersAddr, "cn=a+uid=b") != backoffKeyOf(guessersAddr, "uid=b+cn=a") {
		t.Error("the order within an RDN matters")
	}
}

// An IPv6 host chooses among 2^64 addresses; IPv4 ones and those of one link
// are their own.
func TestBackoffKeyOfAnAddress(t *testing.T) {
	key := func(addr string) backoffKey { return backoffKeyOf(netip.MustParseAddr(addr), guessedDN) }
	for _, c := range []struct {
		one, other string
		same       bool
	}{
		{"10.0.0.1", "10.0.0.2", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth0", false},
	} {
		if same := key(c.one) == key(c.other); same != c.same {
			t.Errorf("%s and %s: same key %v", c.one, c.other, same)
		}
	}
}
