package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"jamf-ldap-proxy/internal/lookup"
)

// file is a journal that is open for writing. One goroutine uses it.
//
// What a crash costs: a batch is one transaction, and the file is in WAL mode with
// synchronous=NORMAL. Killing the process loses what was not written yet, at most
// the batch that is being gathered and the one that is being written, since what
// was written belongs to the kernel. When the power fails, what the kernel had not
// brought to the disk is lost too: SQLite asks for that at a checkpoint, here once
// a minute at least. Either way the file stays whole: a transaction that is not
// complete in the write-ahead log, which has checksums, never was.
type file struct {
	path string
	info os.FileInfo // of the file that is open, whatever path names by now
	room room

	db     *sql.DB
	conn   *sql.Conn
	insert driver.Stmt // of a lookup
	hint   driver.Stmt // of one of its hints
	values *values

	checkpointed time.Time
}

// openFile opens or begins the journal at path. Whatever the error, the file is
// as it was.
func openFile(ctx context.Context, path string, o fileOptions) (*file, error) {
	if err := prepare(ctx, path, len(o.steps)); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", address(path, ""))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	f := &file{path: path, room: o.room, db: db, values: newValues()}
	if err := f.open(ctx, o); err != nil {
		_ = f.close()
		return nil, err
	}
	return f, nil
}

// fileOptions are how a file is opened.
type fileOptions struct {
	room       room
	steps      []step
	busy       time.Duration // longest wait for a lock of another process
	statements []string
}

func (f *file) open(ctx context.Context, o fileOptions) (err error) {
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	if err := execute(ctx, f.conn, "PRAGMA busy_timeout = "+strconv.FormatInt(o.busy.Milliseconds(), 10)); err != nil {
		return err
	}
	version, err := checkKind(ctx, f.conn, len(o.steps))
	if err != nil {
		return err
	}
	if err := migrate(ctx, f.conn, version, o.steps); err != nil {
		return err
	}
	if err := execute(ctx, f.conn, append(o.room.pragmas(),
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL",
		"PRAGMA cache_size = -16384",                  // 16 MiB: a batch touches pages all over the indexes
		"PRAGMA secure_delete = ON")...); err != nil { // what is deleted is not found with grep
		return err
	}
	if err := execute(ctx, f.conn, o.statements...); err != nil {
		return err
	}
	if f.info, err = os.Stat(f.path); err != nil {
		return err
	}
	return f.conn.Raw(func(c any) (err error) {
		marks := "(?" + strings.Repeat(", ?", len(f.values.args)-1) + ")"
		if f.insert, err = c.(driver.Conn).Prepare("INSERT INTO lookups (" + written + ") VALUES " + marks); err != nil {
			return err
		}
		f.hint, err = c.(driver.Conn).Prepare("INSERT OR IGNORE INTO hints (hint, row) VALUES (lower(?), ?)")
		return err
	})
}

// prepare creates the file if it is not there, and refuses what is none of ours
// without touching it. It opens no file that exists, because closing that would
// take away the locks that SQLite holds on it for another connection.
func prepare(ctx context.Context, path string, known int) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errNotAFile
	case info.Size() == 0:
		return os.Chmod(path, fileMode)
	}
	// As an immutable file: the ordinary way would bring the write-ahead log into it.
	db, err := sql.Open("sqlite", address(path, "mode=ro&immutable=1"))
	if err != nil {
		return err
	}
	defer db.Close()
	var newer *newerError
	if _, err := checkKind(ctx, db, known); errors.Is(err, foreignError{}) || errors.As(err, &newer) {
		return err
	}
	return nil // any other fault will show when the file is opened for writing
}

// fileMode is for the journal alone, since it names users. SQLite gives its other
// files the same mode.
const fileMode = 0o600

func create(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

var errNotAFile = errors.New("it is not a regular file")

// address is a file in the form that SQLite takes options with.
func address(path, options string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: options}
	return u.String()
}

func (f *file) close() error {
	for _, statement := range []driver.Stmt{f.insert, f.hint} {
		if statement != nil {
			_ = statement.Close()
		}
	}
	if f.conn != nil {
		_ = f.conn.Close()
	}
	return f.db.Close()
}

// isMoved reports whether path does not name the open file any more: somebody
// deleted it or put another in its place.
func (f *file) isMoved() bool {
	info, err := os.Stat(f.path)
	return err != nil && errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.info)
}

// write stores a batch, all of it or nothing.
func (f *file) write(ctx context.Context, batch []lookup.Record, run int64) error {
	if err := execute(ctx, f.conn, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f.conn.Raw(func(any) error { return f.insertAll(ctx, batch, run) })
	if err == nil {
		err = execute(ctx, f.conn, "COMMIT")
	}
	if err != nil {
		_ = execute(ctx, f.conn, "ROLLBACK")
	}
	return err
}

// insertAll goes below database/sql, which would cost half as much again.
func (f *file) insertAll(ctx context.Context, batch []lookup.Record, run int64) error {
	insert := f.insert.(driver.StmtExecContext)
	for i := range batch {
		r := &batch[i]
		result, err := insert.ExecContext(ctx, f.values.of(r, run))
		if err != nil {
			return err
		}
		if len(r.Hints) == 0 {
			continue
		}
		row, err := result.LastInsertId()
		if err != nil {
			return err
		}
		if err := f.insertHints(ctx, r.Hints, row); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) insertHints(ctx context.Context, hints []string, row int64) error {
	insert := f.hint.(driver.StmtExecContext)
	args := []driver.NamedValue{{Ordinal: 1, Value: lookup.AnyHint}, {Ordinal: 2, Value: row}}
	_, err := insert.ExecContext(ctx, args)
	for i := 0; i < len(hints) && err == nil; i++ {
		args[0].Value = lookup.HintName(hints[i])
		_, err = insert.ExecContext(ctx, args)
	}
	return err
}
