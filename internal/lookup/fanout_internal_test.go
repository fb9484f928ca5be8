package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listSink keeps the IDs it was given.
type listSink struct {
	name string
	mu   sync.Mutex
	ids  []uint64
}

func (s *listSink) Name() string { return s.name }

func (s *listSink) Write(r *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, r.ID)
}

func (s *listSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// stuckSink blocks in Write until it is released.
type stuckSink struct {
	entered chan struct{} // receives once per Write
	release chan struct{} // closed to let every Write return
}

func newStuckSink() *stuckSink {
	return &stuckSink{entered: make(chan struct{}, 1000), release: make(chan struct{})}
}

func (s *stuckSink) Name() string { return "stuck" }

func (s *stuckSink) Write(*Record) {
	s.entered <- struct{}{}
	<-s.release
}

func TestEverySinkGetsEveryRecordInOrder(t *testing.T) {
	a, b := &listSink{name: "a"}, &listSink{name: "b"}
	f := NewFanout(nil, a, b)
	const n = 1000
	for id := range uint64(n) {
		f.Publish(&Record{ID: id})
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sink := range []*listSink{a, b} {
		if len(sink.ids) != n {
			t.Fatalf("sink %s got %d records, want %d", sink.name, len(sink.ids), n)
		}
		for i, id := range sink.ids {
			if id != uint64(i) {
				t.Fatalf("sink %s: record %d came at position %d", sink.name, id, i)
			}
		}
	}
}

func TestStuckSinkDelaysNobodyAndItsLossIsCounted(t *testing.T) {
	var (
		stuck   = newStuckSink()
		healthy = &listSink{name: "healthy"}
		mu      sync.Mutex
		drops   = map[string]int{}
		onDrop  = func(sink string) { mu.Lock(); drops[sink]++; mu.Unlock() }
		f       = newFanout(10, onDrop, stuck, healthy)
	)
	f.Publish(&Record{})
	<-stuck.entered // its one goroutine is busy, its queue empty

	const n = 50
	for range n {
		f.Publish(&Record{}) // a Publish that blocks hangs the test here
		waitFor(t, func() bool { return len(f.lanes[1].queue) == 0 })
	}
	if got, want := f.Dropped("stuck"), uint64(n-10); got != want {
		t.Errorf("Dropped(stuck) = %d, want %d", got, want)
	}
	if got := f.Dropped("healthy"); got != 0 {
		t.Errorf("Dropped(healthy) = %d, want 0", got)
	}
	close(stuck.release)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := healthy.count(), n+1; got != want {
		t.Errorf("the healthy sink got %d records, want %d", got, want)
	}
	if drops["stuck"] != n-10 || len(drops) != 1 {
		t.Errorf("onDrop saw %v, want stuck: %d", drops, n-10)
	}
}

func TestHugeRecordsFillAQueueSooner(t *testing.T) {
	stuck := newStuckSink()
	f := NewFanout(nil, stuck)
	huge := &Record{Filter: string(make([]byte, 1<<20))}
	for range 100 {
		f.Publish(huge)
	}
	if got := f.Dropped("stuck"); got != 100-63 {
		t.Errorf("%d of 100 records of a megabyte were dropped, want 37: 64 MiB may wait", got)
	}
	close(stuck.release)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := f.lanes[0].queued.Load(); left != 0 {
		t.Errorf("%d bytes count as queued in an empty queue", left)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	stuck, healthy := newStuckSink(), &listSink{name: "healthy"}
	f := NewFanout(nil, healthy, stuck)
	for range 3 {
		f.Publish(&Record{})
	}
	<-stuck.entered

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := f.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "draining lookup records of stuck: ") {
		t.Errorf("Close = %v, want a deadline error that names the stuck sink only", err)
	}
	if got := healthy.count(); got != 3 {
		t.Errorf("the healthy sink got %d records, want 3", got)
	}

	close(stuck.release) // goleak then sees the goroutine end
	<-f.lanes[1].done
	if got := f.Dropped("stuck"); got != 2 {
		t.Errorf("Dropped(stuck) = %d, want the 2 that were queued", got)
	}
}

func TestPublishAfterAndDuringCloseIsSafe(t *testing.T) {
	sink := &listSink{name: "list"}
	f := NewFanout(nil, sink)
	const publishers, each = 4, 500
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				f.Publish(&Record{})
			}
		})
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	f.Publish(&Record{})
	if err := f.Close(t.Context()); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if got, want := uint64(sink.count())+f.Dropped("list"), uint64(publishers*each+1); got != want {
		t.Errorf("written + dropped = %d, want %d: none may vanish", got, want)
	}
}

func TestPanickingSinkLosesOnlyThatRecord(t *testing.T) {
	defer log.SetOutput(log.Default().Writer())
	log.SetOutput(io.Discard)
	sink := &panickySink{}
	f := NewFanout(nil, sink)
	for id := range uint64(3) {
		f.Publish(&Record{ID: id})
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sink.count(); got != 2 {
		t.Errorf("the sink got %d records after its panic, want 2", got)
	}
	if got := f.Dropped("panicky"); got != 1 {
		t.Errorf("Dropped = %d, want 1", got)
	}
}

func TestStatusTellsHowEachSinkKeepsUp(t *testing.T) {
	stuck, healthy := newStuckSink(), &listSink{name: "healthy"}
	f := newFanout(10, nil, stuck, healthy)
	f.Publish(&Record{})
	<-stuck.entered // its queue is empty
	for range 13 {
		f.Publish(&Record{})
		waitFor(t, func() bool { return len(f.lanes[1].queue) == 0 })
	}
	want := []LaneStatus{{"stuck", 10, 3}, {"healthy", 0, 0}}
	if got := f.Status(); !slices.Equal(got, want) {
		t.Errorf("Status = %v, want %v", got, want)
	}
	text, err := json.Marshal(f.Status()[0])
	if err != nil || string(text) != `{"sink":"stuck","queued":10,"dropped":3}` {
		t.Errorf("as JSON %s, error %v", text, err)
	}

	close(stuck.release)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want[0].Queued = 0
	if got := f.Status(); !slices.Equal(got, want) {
		t.Errorf("Status after Close = %v, want %v", got, want)
	}
	if got := newFanout(1, nil).Status(); got == nil || len(got) != 0 {
		t.Errorf("Status without sinks = %v, want an empty list", got)
	}
}

type panickySink struct{ listSink }

func (s *panickySink) Name() string { return "panicky" }

func (s *panickySink) Write(r *Record) {
	if r.ID == 0 {
		panic("cannot digest this")
	}
	s.listSink.Write(r)
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited too long")
		}
	}
}

type discardSink struct{}

func (discardSink) Name() string  { return "discard" }
func (discardSink) Write(*Record) {}

func BenchmarkPublish(b *testing.B) {
	f := NewFanout(nil, discardSink{}, discardSink{}, discardSink{})
	r := &Record{}
	b.ReportAllocs()
	for b.Loop() {
		f.Publish(r)
	}
	if err := f.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
