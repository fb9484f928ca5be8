// Package journal keeps lookups in an SQLite file, so that what Jamf asked a week
// ago can still be found: with the web page, with the command `lookups`, and with
// the sqlite3 shell.
//
// A [Journal] is a sink of records: it writes them in batches, deletes the oldest
// ones, and survives whatever becomes of its file. A [Reader] finds them, while a
// Journal of this or another process writes or without one. docs/journal.md is the
// description for administrators.
package journal

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/lookup"
)

const (
	batchRows = 500
	// gather is how long a record may wait for others to be written with.
	gather = time.Second
	// sweepEvery is how often old lookups are deleted without new ones.
	sweepEvery = 10 * time.Second
	// checkpointEvery is what a power failure may cost on a quiet day.
	checkpointEvery = time.Minute
	busyTimeout     = 2 * time.Second
	// stepsAtOnce is how many steps of making room a waiting batch may wait for.
	// A step deletes as many lookups as a batch has, so room is made faster than
	// it is taken.
	stepsAtOnce = 4
)

// Options are what a Journal works with; all may be left out.
type Options struct {
	Logger  *zap.Logger
	OnError func()      // once for each attempt to open or write that fails
	OnLost  func(n int) // so many records were lost
	Started time.Time   // of the process: it goes with a lookup's number
	Now     func() time.Time

	internal internals
}

// internals are what only tests change.
type internals struct {
	gather, sweepEvery, busy time.Duration
	steps                    []step
	statements               []string    // executed when the file is opened
	stored                   func(n int) // a batch of so many was written
}

// Journal is a [lookup.Sink], and a [Reader] of its own file.
type Journal struct {
	*Reader
	path string
	opt  Options
	log  *zap.Logger
	now  func() time.Time
	run  int64 // Options.Started in microseconds

	mu      sync.Mutex
	room    room
	space   sync.Cond // Write waits on it while the batch is full
	batch   []lookup.Record
	bytes   int // text in batch
	closed  bool
	began   chan struct{} // has a token when batch has records
	full    chan struct{} // has a token when batch is full
	closing chan struct{}
	done    chan struct{} // closed when the goroutine ends

	// Only the goroutine uses these.
	file    *file
	written []lookup.Record // the batch before, whose memory the next one takes
	trouble trouble

	statusMu sync.Mutex
	status   Status
}

// Open returns the journal of cfg, or nil if it has no path. It never fails: a file
// that cannot be opened or written is reported, retried, and costs the records of
// that time. [Journal.Close] ends it.
func Open(cfg Config, o Options) *Journal {
	if cfg.Path == "" {
		return nil
	}
	o.setDefaults()
	j := &Journal{
		Reader: NewReader(cfg.Path), path: cfg.Path, opt: o, room: newRoom(cfg), log: o.Logger, now: o.Now, run: o.Started.UnixMicro(),
		began: make(chan struct{}, 1), full: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		status: Status{Path: cfg.Path, MaxBytes: int64(cfg.MaxBytes)},
	}
	j.space.L = &j.mu
	if err := j.open(context.Background()); err != nil {
		j.failed(err)
	}
	go j.work(context.Background())
	return j
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.OnError == nil {
		o.OnError = func() {}
	}
	if o.OnLost == nil {
		o.OnLost = func(int) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Started.IsZero() {
		o.Started = o.Now()
	}
	i := &o.internal
	i.gather = cmp.Or(i.gather, gather)
	i.sweepEvery = cmp.Or(i.sweepEvery, sweepEvery)
	i.busy = cmp.Or(i.busy, busyTimeout)
	if i.steps == nil {
		i.steps = steps
	}
	if i.stored == nil {
		i.stored = func(int) {}
	}
}

// Name implements lookup.Sink.
func (*Journal) Name() string { return "journal" }

// Write implements lookup.Sink. It waits only when a whole batch is gathered and
// the one before is still being written.
func (j *Journal) Write(r *lookup.Record) {
	c := clipped(r)
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.isFull() && !j.closed {
		j.space.Wait()
	}
	if j.closed {
		j.opt.OnLost(1)
		return
	}
	j.batch = append(j.batch, c)
	j.bytes += textOf(&c)
	token(j.began)
	if j.isFull() {
		token(j.full)
	}
}

func (j *Journal) isFull() bool { return len(j.batch) >= batchRows || j.bytes >= j.room.batchBytes() }

// textOf is how much memory and room a client can make a record take.
func textOf(r *lookup.Record) int {
	n := len(r.BindDN) + len(r.Base) + len(r.Filter) + len(r.Diagnostic) + len(r.Upstream.Base) + len(r.Upstream.Filter)
	for _, list := range [...][]string{r.Attrs, r.Controls, r.Hints, r.Upstream.Attrs} {
		for _, s := range list {
			n += len(s)
		}
	}
	return n
}

// token puts something into a channel that holds one, if it is empty.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close writes what was gathered, closes the file and waits for that, or for ctx.
// No record is taken from then on.
func (j *Journal) Close(ctx context.Context) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.closing)
		j.space.Broadcast()
	}
	j.mu.Unlock()
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the journal %s: %w", j.path, ctx.Err())
	}
}

// work is the goroutine that has the file.
func (j *Journal) work(ctx context.Context) {
	defer close(j.done)
	sweep := time.NewTicker(j.opt.internal.sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-j.began:
			j.wait()
			j.turn(ctx)
		case <-sweep.C:
			j.turn(ctx)
		case <-j.closing:
			j.turn(ctx)
			j.end(ctx)
			return
		}
	}
}

// turn does what there is to do. It survives a panic: the journal is worth less
// than the lookups.
func (j *Journal) turn(ctx context.Context) {
	batch := j.take()
	if j.trouble.mustWait(j.now()) {
		j.lose(len(batch))
		return
	}
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("panic in the journal", zap.String("panic", fmt.Sprintf("%T", p)), zap.ByteString("stack", debug.Stack()))
			j.dropFile()
			j.failed(fmt.Errorf("panic: %T", p))
			j.lose(len(batch))
		}
	}()
	if err := j.store(ctx, batch); err != nil {
		j.failed(err)
		j.lose(len(batch))
		return
	}
	if err := j.tidy(ctx); err != nil {
		j.failed(err)
		return
	}
	if len(batch) > 0 {
		j.works()
	}
	j.look(ctx)
}

// wait lets a batch gather.
func (j *Journal) wait() {
	timer := time.NewTimer(j.opt.internal.gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-j.full:
	case <-j.closing:
	}
}

// take returns the batch and begins another one.
func (j *Journal) take() []lookup.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.batch
	clear(j.written) // lets go of its texts
	j.batch, j.bytes, j.written = j.written[:0], 0, batch
	for _, c := range []chan struct{}{j.began, j.full} {
		select {
		case <-c:
		default:
		}
	}
	j.space.Broadcast()
	return batch
}

// isWaiting reports whether a whole batch waits.
func (j *Journal) isWaiting() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.isFull()
}

// store writes a batch. Without one it sees to it that the file is open.
func (j *Journal) store(ctx context.Context, batch []lookup.Record) error {
	err := j.write(ctx, batch)
	if isCorrupt(err) && j.replace(err) {
		err = j.write(ctx, batch)
	}
	if err == nil && len(batch) > 0 {
		j.opt.internal.stored(len(batch))
	}
	return err
}

func (j *Journal) write(ctx context.Context, batch []lookup.Record) error {
	if err := j.open(ctx); err != nil {
		return err
	}
	if err := j.refit(ctx); err != nil || len(batch) == 0 {
		return err
	}
	if err := j.file.checkLog(ctx); err != nil {
		return err
	}
	if err := j.file.write(ctx, batch, j.run); err != nil {
		return fmt.Errorf("writing %d lookups: %w", len(batch), err)
	}
	return nil
}

// open makes sure that the file that path names is open.
func (j *Journal) open(ctx context.Context) error {
	if j.file != nil && j.file.isMoved() {
		j.log.Warn("the journal was deleted or replaced while it was open: going on with what is there now", zap.String("journal.path", j.path))
		// Nothing of ours may hold on to the files beside it, which a new one will share.
		j.Reader.mu.Lock()
		_ = j.Reader.leave()
		j.Reader.mu.Unlock()
		j.closeFile()
	}
	if j.file != nil {
		return nil
	}
	o := fileOptions{room: j.rooms(), steps: j.opt.internal.steps, busy: j.opt.internal.busy, statements: j.opt.internal.statements}
	f, err := openFile(ctx, j.path, o)
	if isCorrupt(err) && j.replace(err) {
		f, err = openFile(ctx, j.path, o)
	}
	if err != nil {
		return err
	}
	f.checkpointed = j.now()
	j.file = f
	if j.trouble.err == nil {
		j.setStatus(func(s *Status) { s.Working = true })
	}
	return nil
}

// replace moves a damaged file out of the way, unless another process did that.
func (j *Journal) replace(damage error) bool {
	if j.file != nil && j.file.isMoved() {
		j.closeFile()
		return true
	}
	j.closeFile()
	aside, err := moveAside(j.path, j.now())
	if err != nil {
		j.log.Error("the journal is damaged and cannot be moved aside", zap.String("journal.path", j.path), zap.NamedError("damage", damage), zap.Error(err))
		return false
	}
	j.log.Error("the journal was damaged: a new one is begun", zap.String("journal.path", j.path), zap.NamedError("damage", damage),
		zap.String("moved_to", aside), zap.String("try", "look after the disk; `sqlite3 FILE .recover` gets out of the old file what can be read"))
	return true
}

// dropFile closes a file that is in no known state.
func (j *Journal) dropFile() {
	defer func() {
		_ = recover() // a second panic says no more than the first
		j.file = nil
	}()
	j.closeFile()
}

func (j *Journal) closeFile() {
	if j.file == nil {
		return
	}
	_ = j.file.close() // nothing is left to be written
	j.file = nil
}

// tidy makes room while nobody waits for it, and brings what was written to the
// disk from time to time.
func (j *Journal) tidy(ctx context.Context) error {
	err := j.makeRoom(ctx)
	if err == nil && j.now().Sub(j.file.checkpointed) >= checkpointEvery {
		j.file.checkpointed = j.now()
		_, err = j.file.checkpoint(ctx, emptyLog)
	}
	if isCorrupt(err) && j.replace(err) {
		err = j.open(ctx)
	}
	return err
}

func (j *Journal) makeRoom(ctx context.Context) error {
	for steps := 0; steps < stepsAtOnce || !j.isWaiting(); steps++ {
		if more, err := j.file.makeRoom(ctx, j.now()); err != nil || !more {
			return err
		}
	}
	return nil
}

// end closes the file for good.
func (j *Journal) end(ctx context.Context) {
	_ = j.Reader.Close()
	if j.file != nil {
		_, _ = j.file.checkpoint(ctx, emptyLog)
	}
	j.closeFile()
}
