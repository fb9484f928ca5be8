package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync"

	"jamf-ldap-proxy/internal/lookup"
)

// window is how many rows one statement looks at. What is read in one statement
// keeps the write-ahead log from being emptied, so a search is many short ones.
const window = 20_000

// Entry is a lookup in the journal.
type Entry struct {
	Row    int64          `json:"row"` // counts up in the order of writing
	Record *lookup.Record `json:"lookup"`
}

// Reader finds lookups in a journal, which another process may be writing. Its
// methods may be called from any goroutine; a search that takes long ends with its
// context, and returns what it found until then beside the error.
type Reader struct {
	path   string
	window int64

	mu     sync.Mutex
	closed bool
	open   *openJournal
}

// openJournal is a file that is open for reading.
type openJournal struct {
	db        *sql.DB
	info      os.FileInfo
	unwritten bool // it was opened as a file that nobody writes
}

// NewReader returns a Reader that opens its file when it is asked, and again when
// another file took its place.
func NewReader(path string) *Reader { return &Reader{path: path, window: window} }

// OpenReader is NewReader for a file that has to be there and to be a journal.
func OpenReader(path string) (*Reader, error) {
	r := NewReader(path)
	if _, err := r.Newest(context.Background()); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Close ends reading; a search that is under way fails.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.leave()
}

// leave closes the file, to be opened again when it is needed.
func (r *Reader) leave() error {
	if r.open == nil {
		return nil
	}
	err := r.open.db.Close()
	r.open = nil
	return err
}

// database returns the open file.
func (r *Reader) database(ctx context.Context) (*sql.DB, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	switch {
	case r.closed:
		return nil, fs.ErrClosed
	case errors.Is(err, fs.ErrNotExist):
		return nil, missingError{}
	case err != nil:
		return nil, err
	case r.open != nil && os.SameFile(info, r.open.info) && !(r.open.unwritten && hasLog(r.path)):
		return r.open.db, nil
	case !info.Mode().IsRegular():
		return nil, errNotAFile
	}
	_ = r.leave()
	db, unwritten, err := openForReading(ctx, r.path)
	if err != nil {
		return nil, err
	}
	r.open = &openJournal{db, info, unwritten}
	return db, nil
}

// openForReading opens a journal and looks whether it is one.
func openForReading(ctx context.Context, path string) (db *sql.DB, unwritten bool, err error) {
	db, err = openChecked(ctx, address(path, "mode=ro&"+forReading))
	// One that nobody writes, in a folder that we may not write, lacks the file that
	// readers and writers meet in.
	if err != nil && !hasLog(path) {
		if db, err := openChecked(ctx, address(path, "mode=ro&immutable=1&"+forReading)); err == nil {
			return db, true, nil
		}
	}
	return db, false, err
}

// hasLog reports whether there is a write-ahead log with something in it.
func hasLog(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}

// forReading are options of a file that may be damaged, or made by somebody else.
const forReading = "_pragma=busy_timeout(2000)&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=query_only(1)"

func openChecked(ctx context.Context, address string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	version, err := checkKind(ctx, db, len(steps))
	if err == nil && version == 0 {
		err = errEmpty
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// missingError is fs.ErrNotExist in better words.
type missingError struct{}

func (missingError) Error() string   { return "there is no such file" }
func (missingError) Is(e error) bool { return e == fs.ErrNotExist }

var errEmpty = errors.New("it is not a journal: the file is empty")

// failed words an error of the Reader.
func (r *Reader) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading the journal %s: %w", r.path, err)
}

// Select returns lookups that the query selects, the newest first: at most limit of
// them, before the row given, or from the newest on if that is 0.
func (r *Reader) Select(ctx context.Context, q lookup.Query, limit int, before int64) ([]Entry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	found, err := r.find(ctx, &q, limit, span{first: 1, last: before - 1}, newestFirst)
	return found, r.failed(err)
}

// After returns lookups that the query selects and that were written after the row
// given, the oldest first, at most limit of them. A row that the file does not have
// yet, because it was begun anew, means its beginning. Who asks again and again goes
// on after the last one found or, when there were less than limit, after what
// [Reader.Newest] said before, so that nothing is looked at twice.
func (r *Reader) After(ctx context.Context, q lookup.Query, row int64, limit int) ([]Entry, error) {
	newest, err := r.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if row > newest {
		row = 0
	}
	found, err := r.find(ctx, &q, limit, span{first: row + 1, last: newest}, oldestFirst)
	return found, r.failed(err)
}

// Find returns the lookup of a row, or nil when there is none.
func (r *Reader) Find(ctx context.Context, row int64) (*lookup.Record, error) {
	found, err := r.find(ctx, &lookup.Query{}, 1, span{first: row, last: row}, newestFirst)
	if err != nil || len(found) == 0 {
		return nil, r.failed(err)
	}
	return found[0].Record, nil
}

// Newest returns the row of the lookup that was written last, 0 when there is none.
func (r *Reader) Newest(ctx context.Context) (int64, error) {
	db, err := r.database(ctx)
	if err != nil {
		return 0, r.failed(err)
	}
	var newest int64
	err = db.QueryRowContext(ctx, "SELECT ifnull(max(row), 0) FROM lookups").Scan(&newest)
	return newest, r.failed(err)
}

// span is a range of rows, both ends included.
type span struct{ first, last int64 }

// order is the direction of a search.
type order bool

const (
	newestFirst order = false
	oldestFirst order = true
)

// find walks a span window by window.
func (r *Reader) find(ctx context.Context, q *lookup.Query, limit int, rows span, o order) ([]Entry, error) {
	if limit <= 0 {
		return nil, nil
	}
	db, err := r.database(ctx)
	if err != nil {
		return nil, err
	}
	if rows, err = narrow(ctx, db, q, rows); err != nil {
		return nil, err
	}
	var found []Entry
	s := searchFor(q)
	for rows.first <= rows.last && len(found) < limit {
		w := rows.take(r.window, o)
		more, err := s.run(ctx, db, q, limit-len(found), w, o)
		found = append(found, more...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// take cuts off the next n rows.
func (s *span) take(n int64, o order) span {
	w := *s
	if o == oldestFirst {
		w.last = min(s.last, s.first+n-1)
		s.first = w.last + 1
	} else {
		w.first = max(s.first, s.last-n+1)
		s.last = w.first - 1
	}
	return w
}

// narrow reduces a span to the rows that there are, and to those of the times that
// are wanted. Rows are in the order of writing, times nearly so; the index of times
// tells exactly.
func narrow(ctx context.Context, db *sql.DB, q *lookup.Query, rows span) (span, error) {
	var first, last sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT (SELECT min(row) FROM lookups), (SELECT max(row) FROM lookups)").Scan(&first, &last)
	if err != nil || !first.Valid {
		return span{1, 0}, err
	}
	rows = span{max(rows.first, first.Int64), min(rows.last, last.Int64)}
	if q.Since.IsZero() && q.Until.IsZero() {
		return rows, nil
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		from = q.Since.UnixMicro()
	}
	if !q.Until.IsZero() {
		to = q.Until.UnixMicro()
	}
	err = db.QueryRowContext(ctx, "SELECT min(row), max(row) FROM lookups INDEXED BY lookups_time WHERE time BETWEEN ? AND ?", from, to).
		Scan(&first, &last)
	if err != nil || !first.Valid {
		return span{1, 0}, err
	}
	return span{max(rows.first, first.Int64), min(rows.last, last.Int64)}, nil
}

// statement reads a window of rows, whose ends are its first two arguments.
func (s *search) statement(o order) string {
	direction := " DESC"
	if o == oldestFirst {
		direction = " ASC"
	}
	where := append([]string{"row BETWEEN ? AND ?"}, s.where...)
	return "SELECT " + read + " FROM " + s.from + " WHERE " + strings.Join(where, " AND ") + " ORDER BY row" + direction
}

func (s *search) run(ctx context.Context, db *sql.DB, q *lookup.Query, limit int, w span, o order) (found []Entry, err error) {
	rows, err := db.QueryContext(ctx, s.statement(o), append([]any{w.first, w.last}, s.args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(found) < limit && rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return found, err
		}
		if q.Match(e.Record) {
			found = append(found, e)
		}
	}
	return found, rows.Err()
}
