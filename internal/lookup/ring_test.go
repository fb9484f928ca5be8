package lookup_test

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
)

// answered and failed are lookups that a ring forgets soon, and does not.
func answered(id uint64) *lookup.Record {
	return &lookup.Record{ID: id, Op: lookup.OpSearch, Kind: lookup.KindUser, Entries: 1}
}

func failed(id uint64) *lookup.Record {
	return &lookup.Record{ID: id, Op: lookup.OpSearch, Kind: lookup.KindUser, Result: 52}
}

func ids(records []*lookup.Record) []uint64 {
	list := make([]uint64, len(records))
	for i, r := range records {
		list[i] = r.ID
	}
	return list
}

func TestRingSelectsTheNewestFirst(t *testing.T) {
	ring := lookup.NewRing(nil)
	for _, id := range []uint64{1, 2, 4, 3, 5} { // side by side, lookups end in another order than they begin
		r := answered(id)
		if id%2 == 0 {
			r = failed(id)
		}
		ring.Write(r)
	}
	for _, tt := range []struct {
		q     lookup.Query
		limit int
		want  []uint64
	}{
		{lookup.Query{}, 10, []uint64{5, 4, 3, 2, 1}},
		{lookup.Query{}, 2, []uint64{5, 4}},
		{lookup.Query{}, 0, []uint64{}},
		{lookup.Query{Result: "failed"}, 10, []uint64{4, 2}},
		{lookup.Query{Result: "failed"}, 1, []uint64{4}},
		{lookup.Query{Kind: "group"}, 10, []uint64{}},
	} {
		if diff := cmp.Diff(tt.want, ids(ring.Select(tt.q, tt.limit))); diff != "" {
			t.Errorf("%s, at most %d (-want +got):\n%s", tt.q, tt.limit, diff)
		}
	}
}

func TestRingFinds(t *testing.T) {
	ring := lookup.NewRing(nil)
	if ring.Find(1) != nil || ring.Len() != 0 {
		t.Error("an empty ring has something")
	}
	first, second := failed(1), answered(2)
	ring.Write(first)
	ring.Write(second)
	for id := range uint64(2000) {
		ring.Write(answered(id + 3)) // the first two leave
	}
	if ring.Find(1) != first {
		t.Error("the failure is not found")
	}
	if got := ring.Find(2); got != nil {
		t.Errorf("found %v, want nothing", got)
	}
	if got := ring.Find(3); got == nil || got.ID != 3 {
		t.Errorf("found %v, want lookup 3", got)
	}
	if got := ring.Len(); got != 2001 {
		t.Errorf("Len = %d, want 2001", got)
	}
}

// A flood of ordinary lookups takes others with it, but not those that somebody
// will look for.
func TestRingKeepsWhatIsNotable(t *testing.T) {
	notable := []*lookup.Record{
		failed(1),
		{ID: 2, Op: lookup.OpBind, Kind: lookup.KindBind, Result: 49},
		{ID: 3, Op: lookup.OpSearch, Kind: lookup.KindGroup}, // found nothing
		{ID: 4, Op: lookup.OpSearch, Kind: lookup.KindUserGroups},
		{ID: 5, Op: lookup.OpSearch, Kind: lookup.KindGroup, Entries: 1, Hints: []string{"uppercase-uid"}},
		{ID: 6, Op: lookup.OpSearch, Kind: lookup.KindMembership, Hints: []string{"unknown-group"}},
		{ID: 7, Op: lookup.OpSearch, Kind: lookup.KindMembership, Result: 32},
	}
	ordinary := []*lookup.Record{
		answered(11),
		{ID: 12, Op: lookup.OpCompare, Kind: lookup.KindMembership, Result: 5},
		{ID: 13, Op: lookup.OpSearch, Kind: lookup.KindMembership}, // no
		{ID: 14, Op: lookup.OpUnbind, Result: lookup.NoResult},
		{ID: 15, Op: lookup.OpBind},
	}
	ring := lookup.NewRing(nil)
	for _, r := range slices.Concat(notable, ordinary) {
		ring.Write(r)
	}
	for id := range uint64(10_000) {
		ring.Write(&lookup.Record{ID: 100 + id, Op: lookup.OpSearch, Kind: lookup.KindMembership})
	}
	kept := ids(ring.Select(lookup.Query{}, 10_000))
	if want := []uint64{7, 6, 5, 4, 3, 2, 1}; !slices.Equal(kept[2000:], want) {
		t.Errorf("kept %v beside the latest 2000, want %v", kept[2000:], want)
	}

	for id := range uint64(5000) {
		ring.Write(failed(20_000 + id))
	}
	kept = ids(ring.Select(lookup.Query{}, 10_000))
	if len(kept) != 2500 || kept[0] != 24_999 || kept[2499] != 22_500 {
		t.Errorf("kept %d failures, %d to %d, want the latest 2500", len(kept), kept[0], kept[len(kept)-1])
	}
}

func TestRingIsBoundedInBytes(t *testing.T) {
	ring := lookup.NewRing(nil)
	text := strings.Repeat("a", 1<<20)
	for id := range uint64(100) {
		r := failed(id)
		r.Filter = text
		ring.Write(r)
	}
	if got := ring.Len(); got != 2*15 {
		t.Errorf("%d lookups of a little more than a megabyte are kept, want 15 and 15 in 16 MiB each", got)
	}
	if got := ids(ring.Select(lookup.Query{}, 100)); got[0] != 99 || got[29] != 70 {
		t.Errorf("kept %v, want the latest", got)
	}
	for id := range uint64(2000) {
		ring.Write(answered(100 + id))
	}
	if got := ring.Len(); got < 2000+13 || got > 2000+15 {
		t.Errorf("%d lookups are kept, want 2000 small ones and the large failures that fit", got)
	}
}

func TestRingLetsGoOfWhatItForgets(t *testing.T) {
	ring := lookup.NewRing(nil)
	var forgotten []weak.Pointer[lookup.Record]
	for id := range uint64(5000) {
		r := answered(id)
		forgotten = append(forgotten, weak.Make(r))
		ring.Write(r)
	}
	for id := range uint64(2000) {
		ring.Write(answered(5000 + id))
	}
	waitUntil(t, func() bool {
		runtime.GC()
		return !slices.ContainsFunc(forgotten, func(p weak.Pointer[lookup.Record]) bool { return p.Value() != nil })
	})
	runtime.KeepAlive(ring)
}

func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited too long")
		}
	}
}

func TestWatcherGetsWhatComes(t *testing.T) {
	ring := lookup.NewRing(nil)
	ring.Write(answered(1))
	w := ring.Watch(10)
	defer w.Close()
	ring.Write(answered(2))
	ring.Write(failed(3))
	for _, want := range []uint64{2, 3} {
		if got := <-w.Records(); got.ID != want {
			t.Errorf("got lookup %d, want %d", got.ID, want)
		}
	}
	select {
	case r := <-w.Records():
		t.Errorf("lookup %d came too", r.ID)
	default:
	}
	if got := w.Missed(); got != 0 {
		t.Errorf("%d missed, want none", got)
	}
}

func TestSlowWatcherMissesAndHoldsUpNobody(t *testing.T) {
	var missed int
	ring := lookup.NewRing(func() { missed++ })
	slow, deaf, quick := ring.Watch(3), ring.Watch(0), ring.Watch(10)
	if got := ring.Watchers(); got != 3 {
		t.Errorf("%d watchers, want 3", got)
	}
	for id := range uint64(10) {
		ring.Write(answered(id)) // hangs here if it waits
	}
	if missed != 7+10 {
		t.Errorf("%d counted as missed, want 17", missed)
	}
	for w, want := range map[*lookup.Watcher]int{slow: 7, deaf: 10, quick: 0} {
		if got := w.Missed(); got != want {
			t.Errorf("a watcher missed %d, want %d", got, want)
		}
		if got := w.Missed(); got != 0 {
			t.Errorf("%d are missed once more", got)
		}
	}
	if first := <-slow.Records(); first.ID != 0 {
		t.Errorf("the first record is %d, want 0", first.ID)
	}
	ring.Write(answered(10)) // there is room again
	var rest []uint64
	for range 3 {
		rest = append(rest, (<-slow.Records()).ID)
	}
	if !slices.Equal(rest, []uint64{1, 2, 10}) {
		t.Errorf("then came %v", rest)
	}

	for _, w := range []*lookup.Watcher{slow, deaf, quick} {
		w.Close()
		w.Close() // is harmless
	}
	ring.Write(answered(11))
	if got := ring.Watchers(); got != 0 || slow.Missed() != 0 || len(slow.Records()) != 0 {
		t.Errorf("%d watchers after Close, %d records", got, len(slow.Records()))
	}
}

func TestRingServesManyAtOnce(t *testing.T) {
	var missed atomic.Int64
	ring := lookup.NewRing(func() { missed.Add(1) })
	const n = 20_000
	all := ring.Watch(n)
	written := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(written)
		for id := range uint64(n) {
			r := answered(id)
			if id%3 == 0 {
				r = failed(id)
			}
			ring.Write(r)
		}
	})
	var lost atomic.Int64
	for range 3 {
		wg.Go(func() {
			w := ring.Watch(5)
			defer w.Close()
			for open := true; open; {
				select {
				case <-w.Records():
				case <-written:
					open = false
				}
				lost.Add(int64(w.Missed()))
			}
		})
		wg.Go(func() {
			for open := true; open; {
				select {
				case <-written:
					open = false
				default:
				}
				found := ids(ring.Select(lookup.Query{Result: "failed"}, 50))
				if !slices.IsSortedFunc(found, func(a, b uint64) int { return int(b) - int(a) }) {
					t.Errorf("out of order: %v", found)
				}
				if r := ring.Find(7); r != nil && r.ID != 7 {
					t.Errorf("found lookup %d in place of 7", r.ID)
				}
				ring.Len()
				ring.Watchers()
			}
		})
	}
	wg.Wait()
	if len(all.Records()) != n || all.Missed() != 0 {
		t.Errorf("%d of %d came to a watcher with room for all", len(all.Records()), n)
	}
	all.Close()
	if lost.Load() != missed.Load() {
		t.Errorf("watchers know of %d missed records, onMiss of %d", lost.Load(), missed.Load())
	}
}

func BenchmarkRing(b *testing.B) {
	ring := lookup.NewRing(nil)
	r := membership()
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ring.Write(&r)
		}
	})
	b.Run("select", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ring.Select(lookup.Query{Kind: "group"}, 100)
		}
	})
}
