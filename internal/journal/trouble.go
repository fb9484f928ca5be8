package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"
	sqlite3 "modernc.org/sqlite/lib"
)

// Bounds of the time between two attempts while they fail.
const (
	soonest = time.Second
	latest  = time.Minute
)

// trouble is the state of a journal that cannot be written. The zero value is that
// of one that can.
type trouble struct {
	err   error
	wait  time.Duration
	until time.Time // no attempt before
	lost  int       // records since it began
}

func (t *trouble) mustWait(now time.Time) bool { return t.err != nil && now.Before(t.until) }

// lose counts n records that are not kept.
func (j *Journal) lose(n int) {
	if n > 0 {
		j.opt.OnLost(n)
		j.trouble.lost += n
	}
}

// failed notes an attempt that failed. The log hears of the first one, until the
// journal works again.
func (j *Journal) failed(err error) {
	j.closeFile()
	j.opt.OnError()
	t := &j.trouble
	if t.err == nil {
		j.log.Warn("the journal cannot be written; lookups go on and are not kept", zap.String("journal.path", j.path),
			zap.Error(err), zap.String("try", advice(err, j.path)))
	}
	t.err = err
	t.wait = min(max(2*t.wait, soonest), latest)
	t.until = j.now().Add(t.wait)
	j.setStatus(func(s *Status) { s.Working, s.Error = false, err.Error() })
}

// works ends the trouble, if there was any.
func (j *Journal) works() {
	if j.trouble.err != nil {
		j.log.Info("the journal is written again", zap.String("journal.path", j.path), zap.Int("lost", j.trouble.lost))
	}
	j.trouble = trouble{}
	j.setStatus(func(s *Status) { s.Working, s.Error = true, "" })
}

// advice says what to try about an error.
func advice(err error, path string) string {
	var newer *newerError
	another := "name another file in journal.path"
	switch {
	case errors.As(err, &newer):
		return "run the version of the proxy that wrote it, or " + another
	case errors.Is(err, foreignError{}), errors.Is(err, errNotAFile):
		return another
	case errors.Is(err, errLogFull):
		return "end the program that has the file open, perhaps an sqlite3 shell within a transaction"
	case errors.Is(err, fs.ErrNotExist):
		return "make the folder " + filepath.Dir(path) + ", or " + another
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return mayWrite(path) + ", or " + another
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk, or lower journal.max_bytes"
	}
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL:
		return "make room on the disk, or lower journal.max_bytes"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return mayWrite(path) + ", or " + another
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "end the program that has the file locked, perhaps an sqlite3 shell within a transaction"
	case sqlite3.SQLITE_IOERR:
		return "look after the disk that " + filepath.Dir(path) + " is on, or " + another
	}
	return another
}

func mayWrite(path string) string {
	return "let the user that runs the proxy write " + path + " and its folder"
}
