package lookup

import (
	"context"
	"fmt"
	"log"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueLength is how many records may wait for one sink. At 1,000 lookups a
	// second it bridges a pause of four seconds.
	queueLength = 4096
	// queueBytes bounds the same in bytes: an ordinary queue is full at a few
	// megabytes, but a client can send filters of a megabyte each.
	queueBytes = 64 << 20
	// gather is how long a sink that has caught up lets new records come
	// together. Waking a goroutine costs more than what it does with a record,
	// so a busy proxy wakes it this often and not for every lookup.
	gather = 2 * time.Millisecond
)

// Fanout hands every published record to every sink. Each sink has a queue and
// a goroutine of its own, so that a slow or stuck one harms only itself.
type Fanout struct {
	onDrop func(sink string)
	lanes  []*lane

	mu     sync.RWMutex // held while sending on or closing the queues
	closed bool

	closing    chan struct{} // closed when Close begins
	giveUp     chan struct{} // closed when Close runs out of time
	giveUpOnce sync.Once
}

// lane is one sink with its queue.
type lane struct {
	sink    Sink
	queue   chan *Record
	queued  atomic.Int64 // size of what is in queue or being written
	dropped atomic.Uint64
	done    chan struct{} // closed when the lane's goroutine ends
}

// NewFanout starts one goroutine per sink; [Fanout.Close] ends them. onDrop, if
// not nil, is called once for each record that a sink loses, by the publishing
// goroutine as a rule, so it must not block.
func NewFanout(onDrop func(sink string), sinks ...Sink) *Fanout {
	return newFanout(queueLength, onDrop, sinks...)
}

func newFanout(length int, onDrop func(sink string), sinks ...Sink) *Fanout {
	if onDrop == nil {
		onDrop = func(string) {}
	}
	f := &Fanout{onDrop: onDrop, closing: make(chan struct{}), giveUp: make(chan struct{})}
	for _, sink := range sinks {
		l := &lane{sink: sink, queue: make(chan *Record, length), done: make(chan struct{})}
		f.lanes = append(f.lanes, l)
		go f.feed(l)
	}
	return f
}

// Publish queues r for every sink and returns at once. Where a queue is full,
// or the fan-out is closed, the record is dropped and counted for that sink.
// The caller must not touch r afterwards.
func (f *Fanout) Publish(r *Record) {
	size := r.size()
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, l := range f.lanes {
		if f.closed || !l.offer(r, size) {
			f.drop(l)
		}
	}
}

// offer queues r if there is room for it.
func (l *lane) offer(r *Record, size int64) bool {
	if l.queued.Add(size) <= queueBytes {
		select {
		case l.queue <- r:
			return true
		default:
		}
	}
	l.queued.Add(-size)
	return false
}

// Dropped returns how many records the named sink has lost so far.
func (f *Fanout) Dropped(sink string) uint64 {
	var n uint64
	for _, l := range f.lanes {
		if l.sink.Name() == sink {
			n += l.dropped.Load()
		}
	}
	return n
}

// LaneStatus is how one sink keeps up.
type LaneStatus struct {
	Sink    string `json:"sink"`
	Queued  int    `json:"queued"`  // records that wait for it
	Dropped uint64 `json:"dropped"` // records that it lost so far
}

// Status returns how each sink keeps up, in the order in which they were given.
func (f *Fanout) Status() []LaneStatus {
	all := make([]LaneStatus, len(f.lanes))
	for i, l := range f.lanes {
		all[i] = LaneStatus{Sink: l.sink.Name(), Queued: len(l.queue), Dropped: l.dropped.Load()}
	}
	return all
}

// Close takes no further records, lets every sink write what is queued for it,
// and waits for that. When ctx ends first, what is still queued is dropped and
// counted, and the error names the sinks that were not finished; a Write that
// never returns keeps its goroutine.
func (f *Fanout) Close(ctx context.Context) error {
	f.closeQueues()
	var late []string
	for _, l := range f.lanes {
		if !l.wait(ctx) {
			f.giveUpOnce.Do(func() { close(f.giveUp) })
			late = append(late, l.sink.Name())
		}
	}
	if late != nil {
		return fmt.Errorf("draining lookup records of %s: %w", strings.Join(late, ", "), ctx.Err())
	}
	return nil
}

func (f *Fanout) closeQueues() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	close(f.closing)
	for _, l := range f.lanes {
		close(l.queue)
	}
}

// wait reports whether the lane ended before ctx did.
func (l *lane) wait(ctx context.Context) bool {
	select {
	case <-l.done:
		return true
	default: // a finished lane counts as finished even when ctx has ended too
	}
	select {
	case <-l.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// feed is the goroutine of one lane. It ends when the queue is closed and empty.
func (f *Fanout) feed(l *lane) {
	defer close(l.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for r := range l.queue {
		select {
		case <-f.giveUp:
			f.drop(l)
		default:
			f.write(l, r)
		}
		l.queued.Add(-r.size())
		if len(l.queue) > 0 {
			continue
		}
		pause.Reset(gather)
		select {
		case <-pause.C:
		case <-f.closing:
		}
	}
}

// write survives a sink that panics: records carry what strangers sent, and one
// that a sink cannot digest must not end the service for everybody.
func (f *Fanout) write(l *lane, r *Record) {
	defer func() {
		if p := recover(); p != nil {
			// Its value may quote the record, its type does not.
			log.Printf("lookup: sink %s: panic on record %d: %T\n%s", l.sink.Name(), r.ID, p, debug.Stack())
			f.drop(l)
		}
	}()
	l.sink.Write(r)
}

func (f *Fanout) drop(l *lane) {
	l.dropped.Add(1)
	f.onDrop(l.sink.Name())
}
