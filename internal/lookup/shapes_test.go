package lookup_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jamf-ldap-proxy/internal/lookup"
)

// clock is moved by hand.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newShapes() (*lookup.Shapes, *clock) {
	c := &clock{time.Date(2026, 3, 1, 20, 14, 3, 0, time.UTC)}
	return lookup.NewShapes(c.now), c
}

func TestShapesCount(t *testing.T) {
	shapes, c := newShapes()
	write := func(r lookup.Record) {
		c.Time = c.Add(time.Second)
		r.Time = c.Time
		shapes.Write(&r)
	}
	group := search("group", "(&(objectClass=groupOfNames)(cn=a))")
	group.Bridged, group.Rules = true, []string{"class", "name"}
	write(group) // found nothing
	group.Entries, group.Filter, group.Rules = 1, "(&(cn=b)(objectClass=groupOfNames))", []string{"class", "member-dn"}
	write(group)
	group.Entries, group.Result, group.Bridged, group.Rules = 0, 52, false, nil
	write(group)
	group.Result, group.Hints = 0, []string{"unknown-group"}
	write(group)
	group.Result = lookup.NoResult
	write(group)
	last := c.Time
	write(lookup.Record{Op: lookup.OpBind, Kind: lookup.KindBind, Result: 49})

	shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: last}) // came late

	want := []lookup.ShapeStats{
		{
			Shape: "(&(cn=?)(objectClass=groupOfNames))", Op: "search", Kind: "group", Count: 5, Empty: 2, Failed: 1, Hinted: 2, Bridged: 2,
			Rules: []string{"class", "name", "member-dn"}, Last: last,
		},
		{Shape: "bind", Op: "bind", Kind: "bind", Count: 2, Failed: 1, Rules: []string{}, Last: c.Time},
	}
	if diff := cmp.Diff(want, shapes.Stats(), cmpopts.IgnoreFields(lookup.ShapeStats{}, "PerMinute")); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
	if got := shapes.Name(); got != "shapes" {
		t.Errorf("Name = %s", got)
	}
}

func TestShapesHaveNoNullInJSON(t *testing.T) {
	shapes, _ := newShapes()
	empty, err := json.Marshal(shapes.Stats())
	shapes.Write(&lookup.Record{Op: lookup.OpUnbind})
	text, err2 := json.Marshal(shapes.Stats())
	if err != nil || err2 != nil || string(empty) != "[]" || strings.Contains(string(text), "null") {
		t.Errorf("%s, then %s, errors %v %v", empty, text, err, err2)
	}
}

func TestShapesDurations(t *testing.T) {
	for _, tt := range []struct {
		ms       []int
		p50, p99 float64
	}{
		{[]int{7}, 7, 7},
		{[]int{3, 1}, 1, 3},
		{[]int{3, 1, 2}, 2, 3},
		{[]int{4, 3, 2, 1}, 2, 4},
		{upTo(100), 50, 99},
		{upTo(101), 51, 100},
		{upTo(256), 128, 254},
		{upTo(1000), 872, 998}, // of the latest 256, from 745
		{append(upTo(1000), slices.Repeat([]int{5}, 256)...), 5, 5}, // nothing is left of what was
	} {
		shapes, c := newShapes()
		for _, ms := range tt.ms {
			shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: c.Time, Total: time.Duration(ms) * time.Millisecond})
		}
		got := shapes.Stats()[0]
		if got.P50 != tt.p50 || got.P99 != tt.p99 {
			t.Errorf("%d durations from %d: p50 %v, p99 %v, want %v and %v", len(tt.ms), tt.ms[0], got.P50, got.P99, tt.p50, tt.p99)
		}
	}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

func TestShapesPerMinute(t *testing.T) {
	shapes, c := newShapes()
	bind := func(n int, ago time.Duration) {
		for range n {
			shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: c.Add(-ago)})
		}
	}
	// minutes are those with lookups, the current one being 0.
	check := func(when string, want map[int]int) {
		t.Helper()
		stats := shapes.Stats()[0]
		if len(stats.PerMinute) != 60 {
			t.Fatalf("%s: %d minutes", when, len(stats.PerMinute))
		}
		got := make(map[int]int)
		for i, n := range stats.PerMinute {
			if n != 0 {
				got[i-59] = n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}

	bind(3, 0)
	check("at once", map[int]int{0: 3})
	c.Time = c.Add(time.Minute)
	check("a minute later", map[int]int{-1: 3})
	bind(2, 0)
	check("and two more", map[int]int{-1: 3, 0: 2})
	bind(4, 2*time.Minute)
	check("of records that come late", map[int]int{-2: 4, -1: 3, 0: 2})
	bind(1, 59*time.Minute)
	bind(9, 60*time.Minute)
	bind(9, 240*time.Hour)
	check("or too late", map[int]int{-59: 1, -2: 4, -1: 3, 0: 2})
	bind(5, -time.Minute)
	check("or before the clock that is asked", map[int]int{-3: 4, -2: 3, -1: 2, 0: 5})
	c.Time = c.Add(57 * time.Minute)
	check("57 minutes later", map[int]int{-59: 4, -58: 3, -57: 2, -56: 5})
	c.Time = c.Add(time.Minute)
	check("58 minutes later", map[int]int{-59: 3, -58: 2, -57: 5})
}

func TestShapesPerMinuteAfterGaps(t *testing.T) {
	for _, gap := range []time.Duration{time.Hour, 61 * time.Minute, 5*time.Hour + 7*time.Minute, 1000 * time.Hour} {
		shapes, c := newShapes()
		for range 60 {
			shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: c.Time})
			c.Time = c.Add(time.Minute)
		}
		c.Time = c.Add(gap)
		if got := shapes.Stats()[0].PerMinute; slices.Max(got) != 0 {
			t.Errorf("%s later: %v, want none", gap, got)
		}
		shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: c.Time})
		if got := shapes.Stats()[0].PerMinute; got[59] != 1 || slices.Max(got[:59]) != 0 {
			t.Errorf("one more after %s: %v", gap, got)
		}
	}
}

// A clock that is not set may say 1970, or less.
func TestShapesAtOddTimes(t *testing.T) {
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1800, 0), time.Unix(1800, 0)} {
		shapes := lookup.NewShapes(func() time.Time { return now })
		for _, at := range []time.Time{now, now.Add(-time.Minute), now.Add(-100 * time.Hour), {}} {
			shapes.Write(&lookup.Record{Op: lookup.OpBind, Time: at})
		}
		if got := shapes.Stats()[0]; got.Count != 4 {
			t.Errorf("at %s: %d lookups, want 4", now, got.Count)
		}
	}
}

func TestShapesAreToldApartUpToABound(t *testing.T) {
	shapes, c := newShapes()
	for i := range 500 {
		for range 2 {
			r := search("user", fmt.Sprintf("(attribute%d=x)", i))
			r.Time = c.Time
			shapes.Write(&r)
		}
	}
	stats := shapes.Stats()
	if len(stats) != 201 {
		t.Fatalf("%d shapes, want 200 and the rest", len(stats))
	}
	want := lookup.ShapeStats{Shape: "other", Kind: "other", Count: 600, Empty: 600, Rules: []string{}, Last: c.Time}
	if diff := cmp.Diff(want, stats[0], cmpopts.IgnoreFields(lookup.ShapeStats{}, "PerMinute")); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
	if got := stats[1]; got.Count != 2 || got.Shape != "(attribute0=?)" {
		t.Errorf("behind it %+v", got)
	}
}

func TestShapesCanBeReadMeanwhile(t *testing.T) {
	shapes := lookup.NewShapes(nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 500 {
				r := search("user", fmt.Sprintf("(a%d=x)", i%10))
				r.Time, r.Rules = time.Now(), []string{fmt.Sprint("rule", i%7)}
				shapes.Write(&r)
			}
		})
		wg.Go(func() {
			for range 100 {
				for _, st := range shapes.Stats() {
					st.Rules, st.PerMinute[0] = append(st.Rules, "mine"), -1 // a copy
				}
			}
		})
	}
	wg.Wait()
	var sum uint64
	for _, st := range shapes.Stats() {
		sum += st.Count
		if slices.Contains(st.Rules, "mine") || slices.Min(st.PerMinute) < 0 {
			t.Errorf("a reader changed %s", st.Shape)
		}
	}
	if sum != 1000 {
		t.Errorf("%d lookups were counted, want 1000", sum)
	}
}

func BenchmarkShapes(b *testing.B) {
	shapes := lookup.NewShapes(nil)
	r := membership()
	b.ReportAllocs()
	for b.Loop() {
		shapes.Write(&r)
	}
}
