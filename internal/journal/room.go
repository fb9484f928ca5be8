package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

const (
	pageSize = 4096
	// stepRows is how many lookups one step of making room deletes, some 20 ms;
	// less when they are large.
	stepRows = 500
	// stepPages is how many free pages one step gives back; so many stay.
	stepPages = 256
)

// room is how max_bytes is divided between the file and its write-ahead log, which
// is copied into the file when it has half of its part. It reaches all of that
// only while some program holds on to an old state of the file; then batches are
// refused. A batch comes on top, for a moment, before the oldest lookups make room:
// in the worst case both together exceed max_bytes by what one batch writes.
type room struct {
	file  int64 // bytes in use; beyond it lookups are deleted
	slack int64 // free pages beyond that are given back
	log   int64
	keep  time.Duration
}

func newRoom(cfg Config) room {
	log := min(int64(cfg.MaxBytes)/4, 32<<20)
	slack := log / 4
	return room{file: int64(cfg.MaxBytes) - log - slack, slack: slack, log: log, keep: cfg.Keep}
}

// batchBytes is how much text a batch may have, more or less.
func (r room) batchBytes() int { return int(min(r.log/8, int64(bytesize.MiB))) }

func (r room) pragmas() []string {
	return []string{
		fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", r.log/2/pageSize),
		fmt.Sprintf("PRAGMA journal_size_limit = %d", r.log/2),
	}
}

// errLogFull is a write-ahead log that cannot be emptied.
var errLogFull = errors.New("the write-ahead log has grown to its bound, for some program keeps reading an old state of the journal")

// checkLog refuses to write when the log is full.
func (f *file) checkLog(ctx context.Context) error {
	info, err := os.Stat(f.path + "-wal")
	if err != nil || info.Size() < f.room.log {
		return nil
	}
	done, err := f.checkpoint(ctx, copyLog)
	if err == nil && !done {
		err = errLogFull
	}
	return err
}

// Ways of a checkpoint.
const (
	copyLog  = "PASSIVE"
	emptyLog = "TRUNCATE" // also, since it holds copies of what was deleted; waits for readers a little
)

// checkpoint brings what is in the write-ahead log into the file, and to the disk.
// It is done unless a reader still needs the log.
func (f *file) checkpoint(ctx context.Context, way string) (done bool, err error) {
	var busy, inLog, copied int64
	err = f.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+way+")").Scan(&busy, &inLog, &copied)
	if err != nil {
		return false, fmt.Errorf("bringing the write-ahead log into the file: %w", err)
	}
	return busy == 0 && inLog == copied, nil
}

// makeRoom does one small step of deleting what is too old or too much, and of
// giving back free pages. It reports whether there is more to do.
func (f *file) makeRoom(ctx context.Context, now time.Time) (more bool, err error) {
	pages, free, err := f.pages(ctx)
	if err != nil {
		return false, err
	}
	rows, _, err := f.extent(ctx)
	if err != nil {
		return false, err
	}
	used := (pages - free) * pageSize
	step := max(1, min(stepRows, int64(f.room.batchBytes())*rows/used))
	deleted, err := f.delete(ctx, `SELECT row FROM lookups INDEXED BY lookups_time WHERE time < ? ORDER BY time LIMIT ?`,
		now.Add(-f.room.keep).UnixMicro(), step)
	if deleted == 0 && err == nil && used > f.room.file {
		deleted, err = f.delete(ctx, `SELECT row FROM lookups ORDER BY row LIMIT ?`, step)
	}
	if err != nil || deleted > 0 {
		return err == nil, err
	}
	// Free pages are used again by what comes, so some may stay.
	if free == 0 || pages*pageSize <= f.room.file+f.room.slack && (free <= stepPages || free <= pages/4) {
		return false, nil
	}
	if err := execute(ctx, f.conn, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", stepPages)); err != nil {
		return false, fmt.Errorf("giving back free pages: %w", err)
	}
	_, left, err := f.pages(ctx)
	return left < free, err
}

func (f *file) delete(ctx context.Context, which string, args ...any) (int64, error) {
	result, err := f.conn.ExecContext(ctx, "DELETE FROM lookups WHERE row IN ("+which+")", args...)
	if err != nil {
		return 0, fmt.Errorf("deleting old lookups: %w", err)
	}
	return result.RowsAffected()
}

// pages returns how many pages the file has, and how many of them are free.
func (f *file) pages(ctx context.Context) (all, free int64, err error) {
	err = f.conn.QueryRowContext(ctx, `SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)`).
		Scan(&all, &free)
	return all, free, err
}
