package lookup

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds of what Shapes keeps.
const (
	maxShapes    = 200
	sampleLength = 256 // latest durations of a shape
	rateMinutes  = 60
)

// OtherShape stands for all shapes beyond those that are told apart.
const OtherShape = "other"

// Shapes counts lookups by their shape: what Jamf asks, how often, how fast and
// how often in vain. It is a Sink; Stats may be called from any goroutine.
type Shapes struct {
	now func() time.Time

	mu     sync.Mutex
	shapes map[string]*shapeCount
	room   []byte // for the shape of a record
}

// NewShapes returns counts that begin now. The clock is time.Now if now is nil.
func NewShapes(now func() time.Time) *Shapes {
	if now == nil {
		now = time.Now
	}
	return &Shapes{now: now, shapes: make(map[string]*shapeCount)}
}

// ShapeStats is what is known of one shape since the start of the process.
type ShapeStats struct {
	Shape   string    `json:"shape"`
	Op      string    `json:"op"`
	Kind    string    `json:"kind"`
	Count   uint64    `json:"count"`
	Empty   uint64    `json:"empty"`   // searches that found nothing
	Failed  uint64    `json:"failed"`  // answered with neither success nor a verdict
	Hinted  uint64    `json:"hinted"`  // with a hint for the administrator
	Bridged uint64    `json:"bridged"` // translated
	Rules   []string  `json:"rules"`   // that touched any of them
	P50     float64   `json:"p50_ms"`  // of the latest 256
	P99     float64   `json:"p99_ms"`
	Last    time.Time `json:"last"`
	// PerMinute is how many there were in each of the last 60 minutes, the
	// current one last.
	PerMinute []int `json:"per_minute"`
}

type shapeCount struct {
	stats   ShapeStats
	sample  [sampleLength]time.Duration
	minutes [rateMinutes]int
	minute  int64 // of the latest count, since 1970
}

// Name implements Sink.
func (*Shapes) Name() string { return "shapes" }

// Write implements Sink.
func (s *Shapes) Write(r *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = r.AppendShape(s.room[:0])
	c := s.shapes[string(s.room)]
	if c == nil {
		c = s.begin(ShapeStats{Shape: string(s.room), Op: r.Op, Kind: r.Kind})
	}
	c.add(r)
}

// begin starts the counts of a shape that has none, or finds those of the rest.
func (s *Shapes) begin(stats ShapeStats) *shapeCount {
	if len(s.shapes) >= maxShapes {
		if c := s.shapes[OtherShape]; c != nil {
			return c
		}
		stats = ShapeStats{Shape: OtherShape, Kind: KindOther}
	}
	c := &shapeCount{stats: stats}
	s.shapes[stats.Shape] = c
	return c
}

func (c *shapeCount) add(r *Record) {
	st := &c.stats
	c.sample[st.Count%sampleLength] = r.Total
	st.Count++
	switch r.Outcome() {
	case Empty:
		st.Empty++
	case Failed:
		st.Failed++
	}
	if len(r.Hints) > 0 {
		st.Hinted++
	}
	if r.Bridged {
		st.Bridged++
	}
	for _, rule := range r.Rules {
		if !slices.Contains(st.Rules, rule) {
			st.Rules = append(st.Rules, rule)
		}
	}
	if r.Time.After(st.Last) {
		st.Last = r.Time
	}
	if minute := r.Time.Unix() / 60; c.turnTo(minute)-minute < rateMinutes {
		*c.in(minute)++
	}
}

// in returns the count of a minute that is one of the latest.
func (c *shapeCount) in(minute int64) *int {
	return &c.minutes[(minute%rateMinutes+rateMinutes)%rateMinutes]
}

// turnTo empties the minutes between the latest and this one, and returns the
// latest.
func (c *shapeCount) turnTo(minute int64) int64 {
	for m := max(c.minute+1, minute-rateMinutes+1); m <= minute; m++ {
		*c.in(m) = 0
	}
	c.minute = max(c.minute, minute)
	return c.minute
}

// Stats returns a copy of all counts, the most frequent first.
func (s *Shapes) Stats() []ShapeStats {
	minute := s.now().Unix() / 60
	s.mu.Lock()
	all := make([]ShapeStats, 0, len(s.shapes))
	for _, c := range s.shapes {
		all = append(all, c.copied(minute))
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b ShapeStats) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Shape, b.Shape))
	})
	return all
}

func (c *shapeCount) copied(minute int64) ShapeStats {
	st := c.stats
	st.Rules = append([]string{}, st.Rules...)
	st.PerMinute = make([]int, rateMinutes)
	latest := c.turnTo(minute)
	for i := range st.PerMinute {
		st.PerMinute[i] = *c.in(latest - rateMinutes + 1 + int64(i))
	}
	sample := slices.Clone(c.sample[:min(st.Count, sampleLength)])
	slices.Sort(sample)
	st.P50, st.P99 = milliseconds(percentile(sample, 50)), milliseconds(percentile(sample, 99))
	return st
}

// percentile of a sorted sample: its smallest value that at least so many percent
// of it do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
