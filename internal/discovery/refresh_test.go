package discovery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// rig is a Refresher whose upstream and clock are the test's.
type rig struct {
	*testing.T
	refresher *discovery.Refresher
	table     *discovery.Table
	logs      *observer.ObservedLogs

	mu     sync.Mutex
	answer func(context.Context) (discovery.Groups, error)
	pairs  map[string]int
	counts map[string]int
	last   time.Time

	waits chan time.Duration // each pause, before it begins
	tick  chan time.Time     // ends it
}

func (r *rig) Pairs(state string, n int)       { r.mu.Lock(); r.pairs[state] = n; r.mu.Unlock() }
func (r *rig) Discovery(outcome string)        { r.mu.Lock(); r.counts[outcome]++; r.mu.Unlock() }
func (r *rig) DiscoverySucceeded(at time.Time) { r.mu.Lock(); r.last = at; r.mu.Unlock() }

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newRig(t *testing.T, change ...func(*discovery.Options)) *rig {
	core, logs := observer.New(zapcore.InfoLevel)
	r := &rig{
		T: t, logs: logs, table: discovery.NewTable(compiled(t)),
		pairs: map[string]int{}, counts: map[string]int{},
		waits: make(chan time.Duration), tick: make(chan time.Time),
	}
	o := discovery.Options{
		Read: func(ctx context.Context) (discovery.Groups, error) {
			r.mu.Lock()
			answer := r.answer
			r.mu.Unlock()
			return answer(ctx)
		},
		Every: 5 * time.Minute, Table: r.table, Metrics: r, Logger: zap.New(core),
		Now: func() time.Time { return noon },
		After: func(d time.Duration) <-chan time.Time {
			select {
			case r.waits <- d:
			case <-t.Context().Done():
			}
			return r.tick
		},
	}
	for _, f := range change {
		f(&o)
	}
	r.refresher = discovery.NewRefresher(o)
	return r
}

// start runs the Refresher until the test ends.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.refresher.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			r.Error("Run has not ended with its context")
		}
	})
}

func (r *rig) sees(legacy, posix []discovery.Group) {
	r.does(func(context.Context) (discovery.Groups, error) {
		return discovery.Groups{Legacy: legacy, Posix: posix}, nil
	})
}

func (r *rig) fails(outcome string) {
	r.does(func(context.Context) (discovery.Groups, error) {
		return discovery.Groups{}, &discovery.Error{Outcome: outcome, Try: "the other thing", Err: errors.New("broken: " + outcome)}
	})
}

func (r *rig) does(answer func(context.Context) (discovery.Groups, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// attempt waits for the attempt that is under way, or lets the next one begin
// and end; it returns the pause that follows.
func (r *rig) attempt(first bool) time.Duration {
	r.Helper()
	if !first {
		r.tick <- noon
	}
	select {
	case d := <-r.waits:
		return d
	case <-time.After(patience):
		r.Fatal("no attempt")
		return 0
	}
}

// logged returns the lines since the last call.
func (r *rig) logged() []string {
	var lines []string
	for _, e := range r.logs.TakeAll() {
		line := e.Level.String() + " " + e.Message
		for _, f := range e.Context {
			switch f.Key {
			case "which":
				o := zapcore.NewMapObjectEncoder()
				f.AddTo(o)
				for _, name := range o.Fields["which"].([]any) {
					line += " [" + name.(string) + "]"
				}
			case "error":
				line += ": " + f.Interface.(error).Error()
			case "try", "meanwhile":
				line += "; " + f.String
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func (r *rig) expectLog(want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, r.logged()); diff != "" {
		r.Errorf("log -want +got:\n%s", diff)
	}
}

func TestRefresher(t *testing.T) {
	r := newRig(t)
	r.sees(groups(group("a", 0, "x"), group("n", 0, "p", "q")), groups(group("la", 1, "x")))
	if r.refresher.Ready() == nil {
		t.Error("ready before the first attempt")
	}
	r.start()
	if d := r.attempt(true); d < 270*time.Second || d > 330*time.Second {
		t.Errorf("the next attempt comes after %v", d)
	}
	if r.refresher.Ready() != nil {
		t.Error("not ready after the first attempt")
	}
	expectAsks(t, r.table.Rules(), "a", "la")
	r.expectLog("info pairs discovered")
	wantPairs := map[string]int{"configured": 0, "discovered": 1, "ambiguous": 0, "no_linux_group": 1, "no_legacy_group": 0}
	if diff := cmp.Diff(wantPairs, r.pairs); diff != "" {
		t.Errorf("metrics -want +got:\n%s", diff)
	}

	// Nothing new, nothing logged.
	r.attempt(false)
	r.expectLog()

	// A new pair, another group ID, and a group that is ambiguous now.
	r.sees(
		groups(group("a", 0, "x"), group("b", 0, "y"), group("c", 0, "z"), group("d", 0, "z")),
		groups(group("la", 10, "x"), group("lb", 2, "y"), group("lc", 3, "z")))
	r.attempt(false)
	r.expectLog(
		"info pairs added [b = lb (2)]",
		"warn Linux group IDs have changed [a = la (10): 1 before]",
		"warn groups have more than one candidate to pair with [c] [d] [lc (Linux)]; add the right pairs to groups.pairs",
	)
	if r.pairs["ambiguous"] != 3 || r.pairs["discovered"] != 2 {
		t.Errorf("metrics %v", r.pairs)
	}

	// b has lost its Linux group.
	r.sees(groups(group("a", 0, "x"), group("b", 0, "y")), groups(group("la", 10, "x")))
	r.attempt(false)
	r.expectLog("warn pairs lost: Jamf sees these groups without their pair [b = lb (2)]; add those that are right to groups.pairs")
	expectAsks(t, r.table.Rules(), "b", "b")
	if r.counts["success"] != 4 || !r.last.Equal(noon) {
		t.Errorf("metrics %v, last success %v", r.counts, r.last)
	}
}

func groups(list ...discovery.Group) []discovery.Group { return list }

// TestFailuresKeepTheLastGoodResult, are logged once per kind, and do not keep
// the proxy unready.
func TestFailuresKeepTheLastGoodResult(t *testing.T) {
	r := newRig(t)
	r.fails(discovery.Unreachable)
	r.start()
	var waits []time.Duration
	waits = append(waits, r.attempt(true))
	if r.refresher.Ready() != nil {
		t.Error("a failed first attempt keeps the proxy unready")
	}
	r.expectLog("warn discovering pairs has failed: broken: unreachable; only the pairs of the configuration are in use; the other thing")
	for range 6 {
		waits = append(waits, r.attempt(false))
	}
	r.expectLog()
	if !r.last.IsZero() || len(r.pairs) != 0 {
		t.Errorf("a success was noted: %v, %v", r.last, r.pairs)
	}
	for i, want := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		if d := waits[i]; d < want*9/10 || d > want*11/10 {
			t.Errorf("pause %d is %v, want about %v", i, d, want)
		}
	}

	r.sees(groups(group("a", 0, "x")), groups(group("la", 1, "x")))
	r.attempt(false)
	r.expectLog("info pairs discovered", "info discovering pairs works again")

	r.fails(discovery.NoGroups)
	r.attempt(false)
	r.attempt(false)
	r.expectLog("warn discovering pairs has failed: broken: no_groups; the pairs found before stay in use; the other thing")
	expectAsks(t, r.table.Rules(), "a", "la")
	if r.pairs["discovered"] != 1 {
		t.Errorf("metrics %v", r.pairs)
	}

	r.fails(discovery.Truncated) // another kind of trouble is news
	r.attempt(false)
	r.expectLog("warn discovering pairs has failed: broken: truncated; the pairs found before stay in use; the other thing")
	want := map[string]int{"success": 1, "unreachable": 7, "no_groups": 2, "truncated": 1}
	if diff := cmp.Diff(want, r.counts); diff != "" {
		t.Errorf("metrics -want +got:\n%s", diff)
	}
}

// TestGroupsThatVanishAreAFailure, also when only one kind does.
func TestGroupsThatVanishAreAFailure(t *testing.T) {
	for name, left := range map[string]discovery.Groups{
		"all":          {},
		"Linux groups": {Legacy: groups(group("a", 0, "x"))},
		"the others":   {Posix: groups(group("la", 1, "x"))},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.sees(groups(group("a", 0, "x")), groups(group("la", 1, "x")))
			r.start()
			r.attempt(true)
			r.logged()
			r.sees(left.Legacy, left.Posix)
			r.attempt(false)
			r.expectLog("warn discovering pairs has failed: upstream shows not a single group of a kind that had some before; " +
				`the pairs found before stay in use; is "Enable as LDAP Bind DN" still set for the user of upstream.service_account?`)
			expectAsks(t, r.table.Rules(), "a", "la")
			if r.counts["no_groups"] != 1 {
				t.Errorf("metrics %v", r.counts)
			}
		})
	}
}

// TestARefusedBindIsRepeatedSlowly, because each one counts against the account.
func TestARefusedBindIsRepeatedSlowly(t *testing.T) {
	r := newRig(t, func(o *discovery.Options) { o.Every = 10 * time.Second })
	r.fails(discovery.BindRefused)
	r.start()
	d := r.attempt(true)
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		want *= time.Minute
		if d < want*9/10 || d > want*11/10 {
			t.Errorf("the next bind comes after %v, want about %v", d, want)
		}
		d = r.attempt(false)
	}
}

// TestAPairSurvivesMembersThatDiffer: JumpCloud changes the two entries one after
// the other.
func TestAPairSurvivesMembersThatDiffer(t *testing.T) {
	r := newRig(t)
	r.sees(groups(group("a", 0, "x"), group("b", 0, "y")), groups(group("la", 1, "x"), group("lb", 2, "y")))
	r.start()
	r.attempt(true)
	r.logged()

	r.sees(groups(group("a", 0, "x", "new"), group("b", 0, "y")), groups(group("la", 3, "x"), group("lb", 2, "y")))
	r.attempt(false)
	r.attempt(false)
	r.expectLog(
		"warn pairs kept although their members differ now [a = la (3)]; if it stays so, look at the two groups in JumpCloud",
		"warn Linux group IDs have changed [a = la (3): 1 before]",
	)
	expectAsks(t, r.table.Rules(), "a", "la")
	if r.pairs["discovered"] != 2 || r.pairs["no_linux_group"] != 0 {
		t.Errorf("metrics %v", r.pairs)
	}

	// Another group has the members that la has: that is evidence, and the old pair is none.
	r.sees(groups(group("a", 0, "x", "new"), group("b", 0, "y"), group("c", 0, "x")), groups(group("la", 3, "x"), group("lb", 2, "y")))
	r.attempt(false)
	r.expectLog("info pairs added [c = la (3)]", "warn pairs lost: Jamf sees these groups without their pair [a = la (3)]; add those that are right to groups.pairs")
	expectAsks(t, r.table.Rules(), "a", "a")
	expectAsks(t, r.table.Rules(), "c", "la")

	// And a pair that has become ambiguous is not kept.
	r.sees(groups(group("b", 0, "y"), group("e", 0, "y")), groups(group("lb", 2, "y")))
	r.attempt(false)
	expectAsks(t, r.table.Rules(), "b", "b")
}

// TestLogWithoutNames is for log.privacy: hash.
func TestLogWithoutNames(t *testing.T) {
	r := newRig(t, func(o *discovery.Options) {
		o.NoNames = true
		o.Configured = []rewrite.PairConfig{{Legacy: "secret team", Posix: "gone"}}
	})
	r.sees(groups(group("secret a", 0, "x"), group("secret b", 0, "x")), groups(group("secret l", 1, "x")))
	r.start()
	r.attempt(true)
	lines := strings.Join(r.logged(), "\n")
	if strings.Contains(lines, "secret") || strings.Contains(lines, "gone") {
		t.Errorf("names in the log:\n%s", lines)
	}
	if !strings.Contains(lines, "more than one candidate") || !strings.Contains(lines, "`jamf-ldap-proxy pairs` shows which") {
		t.Errorf("the log does not say where the names are:\n%s", lines)
	}
}

// TestConfiguredPairsLearnTheirGroupID: gid may be left out in groups.pairs.
func TestConfiguredPairsLearnTheirGroupID(t *testing.T) {
	configured := []rewrite.PairConfig{{Legacy: "a", Posix: "LA"}}
	r := newRig(t, func(o *discovery.Options) {
		o.Configured = configured
		o.Table = discovery.NewTable(compiled(t, configured...))
	})
	before := r.refresher.Options.Table.Rules()
	r.sees(groups(group("a", 0, "x")), groups(group("la", 7, "x")))
	r.start()
	r.attempt(true)
	first := r.refresher.Options.Table.Rules()
	r.refresher.Options.Table.LearnGIDs(map[string]int{"LA": 7})
	if first == before || r.refresher.Options.Table.Rules() != first {
		t.Error("the group ID of the configured pair was not learned")
	}
}

// TestStopInTheMiddle: a reading that hangs ends with the context of Run, and
// is no failure.
func TestStopInTheMiddle(t *testing.T) {
	r := newRig(t)
	hanging := make(chan struct{})
	r.does(func(ctx context.Context) (discovery.Groups, error) {
		close(hanging)
		<-ctx.Done()
		return discovery.Groups{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.refresher.Run(ctx) }()
	<-hanging
	if r.refresher.Ready() == nil {
		t.Error("ready during the first attempt")
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("Run has not ended")
	}
	r.expectLog()
}

// TestBrokenUpstream: against a real server that breaks, the last good table
// stays, and no line of the log holds the password.
func TestBrokenUpstream(t *testing.T) {
	d := startDirectory(t, directory.Config{})
	broken := false
	f := startFake(t, func(c *fakeConn, m ldap.Message, _ ldap.SearchRequest) {
		c.entry(m.ID, "cn=gameOfThrones,"+base, []string{"member", "uid=x," + base})
		c.hangUp()
	})
	good, bad := source(t, d.Addr()), source(t, f.addr())
	r := newRig(t)
	r.does(func(ctx context.Context) (discovery.Groups, error) {
		if broken {
			return bad.Read(ctx)
		}
		return good.Read(ctx)
	})
	r.start()
	r.attempt(true)
	expectAsks(t, r.table.Rules(), "gameOfThrones", "got")
	rules := r.table.Rules()
	broken = true
	r.attempt(false)
	if r.table.Rules() != rules {
		t.Error("the table has changed")
	}
	lines := r.logged()
	if !slices.ContainsFunc(lines, func(l string) bool {
		return strings.Contains(l, "server closed the connection") && strings.Contains(l, "the pairs found before stay in use")
	}) {
		t.Errorf("log:\n%s", strings.Join(lines, "\n"))
	}
	if strings.Contains(strings.Join(lines, "\n"), directory.SamplePassword) {
		t.Error("the password is in the log")
	}
}

// TestPanicInAReading is a failed attempt like any other: what was found stays, and the
// next attempt comes. What the panic says is not logged, it may quote the directory.
func TestPanicInAReading(t *testing.T) {
	r := newRig(t)
	r.sees(groups(group("a", 0, "x")), groups(group("la", 1, "x")))
	r.start()
	r.attempt(true)
	r.does(func(context.Context) (discovery.Groups, error) { panic("secret of the directory") })
	r.attempt(false)
	expectAsks(t, r.table.Rules(), "a", "la")
	if log := strings.Join(r.logged(), "\n"); !strings.Contains(log, "panic while discovering pairs") || strings.Contains(log, "secret") {
		t.Errorf("the log says\n%s", log)
	}
	r.sees(nil, nil)
	r.attempt(false)
}

// TestContinue: another Refresher begins with what the one before knows.
func TestContinue(t *testing.T) {
	before := newRig(t)
	before.sees(groups(group("a", 0, "x")), groups(group("la", 1, "x")))
	before.start()
	before.attempt(true)

	r := newRig(t)
	r.fails(discovery.Unreachable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := discovery.NewRefresher(discovery.Options{Read: before.refresher.Read, Table: before.table, Every: time.Minute})
	ended.Run(ctx)
	ended.Continue(before.refresher)
	r.refresher.Continue(ended)
	if s := r.refresher.Status(); s.Result == nil || s.LastSuccess.IsZero() {
		t.Errorf("status %+v", s)
	}
	r.start()
	r.attempt(true)
	if log := strings.Join(r.logged(), "\n"); !strings.Contains(log, "the pairs found before stay in use") {
		t.Errorf("the log says\n%s", log)
	}
}
