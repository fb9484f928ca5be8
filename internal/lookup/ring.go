package lookup

import (
	"cmp"
	"slices"
	"sync"
)

// Bounds of what a Ring keeps.
const (
	ringLength = 2000
	// keptLength is for notable lookups that have left the others: a flood of
	// successes must not hide yesterday's failure.
	keptLength = 500
	ringBytes  = 16 << 20 // of each of the two
)

// Ring keeps the latest lookups in memory, and hands new ones to who watches. It
// is a Sink; its other methods may be called from any goroutine.
type Ring struct {
	onMiss func() // once for each record that a watcher missed

	mu       sync.Mutex
	recent   belt
	kept     belt
	watchers map[*Watcher]struct{}
}

// NewRing returns an empty ring. onMiss, if not nil, is called for each record
// that a watcher was too slow for; it must not block.
func NewRing(onMiss func()) *Ring {
	if onMiss == nil {
		onMiss = func() {}
	}
	return &Ring{
		onMiss: onMiss, watchers: make(map[*Watcher]struct{}),
		recent: belt{length: ringLength, bytes: ringBytes}, kept: belt{length: keptLength, bytes: ringBytes},
	}
}

// Name implements Sink.
func (*Ring) Name() string { return "ring" }

// Write implements Sink.
func (r *Ring) Write(rec *Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recent.push(rec)
	for r.recent.overfull() {
		if old := r.recent.pop(); isNotable(old) {
			r.kept.push(old)
		}
	}
	for r.kept.overfull() {
		r.kept.pop()
	}
	for w := range r.watchers {
		w.offer(rec, r.onMiss)
	}
}

// isNotable tells which lookups outlive the others. An empty answer to a membership
// question does not: it is a no, and half of the answers may be one.
func isNotable(r *Record) bool {
	if len(r.Hints) > 0 {
		return true
	}
	o := r.Outcome()
	return o == Failed || o == Empty && r.Kind != KindMembership
}

// Select returns the lookups that the query selects, the newest first, at most
// limit of them.
func (r *Ring) Select(q Query, limit int) []*Record {
	var found []*Record
	for _, rec := range r.newestFirst() {
		if len(found) == limit {
			break
		}
		if q.Match(rec) {
			found = append(found, rec)
		}
	}
	return found
}

// newestFirst copies, so that nobody searches under the lock.
func (r *Ring) newestFirst() []*Record {
	r.mu.Lock()
	all := slices.Concat(r.kept.records(), r.recent.records())
	r.mu.Unlock()
	// The kept are older than the others, except where lookups that ran side by
	// side were published in another order.
	slices.SortFunc(all, func(a, b *Record) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

// Find returns the lookup of that number, or nil when the ring has it no more.
func (r *Ring) Find(id uint64) *Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range []*belt{&r.recent, &r.kept} {
		if i := slices.IndexFunc(b.records(), func(rec *Record) bool { return rec.ID == id }); i >= 0 {
			return b.records()[i]
		}
	}
	return nil
}

// Len returns how many lookups the ring holds.
func (r *Ring) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.recent.records()) + len(r.kept.records())
}

// Watch returns a watcher of what comes from now on; buffer is how many records
// may wait for it. Close ends it.
func (r *Ring) Watch(buffer int) *Watcher {
	w := &Watcher{ring: r, records: make(chan *Record, buffer)}
	r.mu.Lock()
	r.watchers[w] = struct{}{}
	r.mu.Unlock()
	return w
}

// Watchers returns how many there are.
func (r *Ring) Watchers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watchers)
}

// Watcher receives new lookups. One that does not keep up misses some; it is not
// waited for.
type Watcher struct {
	ring    *Ring
	records chan *Record
	missed  int // guarded by Ring.mu
}

// Records is where they arrive. It is not closed.
func (w *Watcher) Records() <-chan *Record { return w.records }

// Missed returns how many were missed since it was asked last.
func (w *Watcher) Missed() int {
	w.ring.mu.Lock()
	defer w.ring.mu.Unlock()
	n := w.missed
	w.missed = 0
	return n
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.ring.mu.Lock()
	defer w.ring.mu.Unlock()
	delete(w.ring.watchers, w)
}

func (w *Watcher) offer(rec *Record, onMiss func()) {
	select {
	case w.records <- rec:
	default:
		w.missed++
		onMiss()
	}
}

// belt holds records in the order in which they came.
type belt struct {
	length int
	bytes  int64

	items []*Record
	first int // of items that is still held
	size  int64
}

func (b *belt) records() []*Record { return b.items[b.first:] }

func (b *belt) push(r *Record) {
	if b.first > b.length { // moved once per length, so that it costs nothing
		b.items = append(b.items[:0], b.records()...)
		clear(b.items[len(b.items):cap(b.items)])
		b.first = 0
	}
	b.items = append(b.items, r)
	b.size += r.size()
}

func (b *belt) overfull() bool {
	n := len(b.records())
	return n > b.length || b.size > b.bytes && n > 0
}

// pop takes the oldest.
func (b *belt) pop() *Record {
	r := b.items[b.first]
	b.items[b.first] = nil
	b.first++
	b.size -= r.size()
	return r
}
