package journal

import (
	"context"
	"os"
	"time"
)

// Status is how a journal does.
type Status struct {
	Path     string    `json:"path"`
	Working  bool      `json:"working"`         // the latest attempt to open or write succeeded
	Error    string    `json:"error,omitempty"` // why not
	Rows     int64     `json:"rows"`            // lookups, roughly
	Bytes    int64     `json:"bytes"`           // of the file and its write-ahead log
	MaxBytes int64     `json:"max_bytes"`       // journal.max_bytes
	Oldest   time.Time `json:"oldest,omitzero"` // time of the lookup written first
}

// Status returns how the journal does; that of a nil one is zero.
func (j *Journal) Status() Status {
	if j == nil {
		return Status{}
	}
	j.statusMu.Lock()
	s := j.status
	j.statusMu.Unlock()
	for _, name := range []string{j.path, j.path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}

func (j *Journal) setStatus(change func(*Status)) {
	j.statusMu.Lock()
	defer j.statusMu.Unlock()
	change(&j.status)
}

// look notes what the file holds.
func (j *Journal) look(ctx context.Context) {
	rows, oldest, err := j.file.extent(ctx)
	if err != nil {
		return // writing will tell
	}
	j.setStatus(func(s *Status) { s.Rows, s.Oldest = rows, oldest })
}

// extent returns about how many rows there are and when the first was, without
// counting.
func (f *file) extent(ctx context.Context) (rows int64, oldest time.Time, err error) {
	var first, last, at int64
	err = f.conn.QueryRowContext(ctx, `SELECT ifnull((SELECT min(row) FROM lookups), 1), ifnull((SELECT max(row) FROM lookups), 0),
		ifnull((SELECT time FROM lookups ORDER BY row LIMIT 1), 0)`).Scan(&first, &last, &at)
	if err != nil || last < first {
		return 0, time.Time{}, err
	}
	return last - first + 1, time.UnixMicro(at).UTC(), nil
}
