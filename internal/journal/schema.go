package journal

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a file as a journal: "JLDP" in the header of the file, where
// the command `file` shows it too.
const applicationID = 0x4a4c4450

// step brings a file from the version of its schema that is the step's index to the
// next one.
type step struct {
	statements string
	// additive says that a program that does not know this step can go on writing the
	// file, so that whoever goes back a version keeps his journal. Columns, tables and
	// indexes are only added, and the programs that know a new column bear that it is
	// NULL.
	additive bool
}

// steps lead to the version of this program. One that was released is never changed.
var steps = []step{{statements: version1}}

// version1 has the columns that conditions look at in front: SQLite walks a row
// from its beginning. An index costs more than all columns together when its
// entries lie scattered, as those of users do, hence the partial ones.
const version1 = `
CREATE TABLE lookups (
  row             INTEGER PRIMARY KEY AUTOINCREMENT, -- counts up in the order of writing, and never comes back
  time            INTEGER, -- when the request was complete, microseconds since 1970 (UTC)
  run             INTEGER, -- when the process started, likewise: run and id together are one lookup
  id              INTEGER, -- number of the lookup in that process
  conn            INTEGER, -- number of the client's connection in that process
  op              TEXT,    -- bind, search, compare, ...
  kind            TEXT,    -- the question behind it: user, group, membership, ...
  outcome         TEXT,    -- ok, empty, failed, none (was not answered)
  result          INTEGER, -- LDAP result code, -1 without an answer
  total_us        INTEGER, -- microseconds from the request to the last byte of its answer
  usr             TEXT,    -- the user it is about, in lower case; NULL without one
  grp             TEXT,    -- the group, likewise ("group" is a word of SQL)
  shape           TEXT,    -- the request without its values
  client_addr     TEXT,    -- host:port
  client_kind     TEXT,    -- jndi, unboundid, other
  bind_dn         TEXT,    -- who asks; '' is anonymous
  base            TEXT,
  scope           TEXT,    -- base, one, sub
  filter          TEXT,
  attrs           TEXT,    -- a JSON list, as all lists
  controls        TEXT,
  size_limit      INTEGER,
  time_limit      INTEGER,
  name            TEXT,    -- OID of an extended operation, attribute of a compare; else NULL
  upstream_server TEXT,    -- this and the next five are NULL when upstream was not asked
  upstream_base   TEXT,
  upstream_filter TEXT,
  upstream_attrs  TEXT,
  upstream_us     INTEGER,
  upstream_reused INTEGER, -- 1: over a connection that was open and bound already
  bridged         INTEGER, -- 1: translated
  mode            TEXT,    -- off, posix, merge
  rules           TEXT,    -- that translated it
  hints           TEXT,
  cache           TEXT,    -- hit, miss, stale, off, coalesced
  entries         INTEGER, -- sent to the client
  bytes           INTEGER,
  result_name     TEXT,
  diagnostic      TEXT,
  queue_us        INTEGER  -- of total_us: waiting for a connection to upstream
);
CREATE INDEX lookups_time ON lookups (time);
CREATE INDEX lookups_usr ON lookups (usr) WHERE usr IS NOT NULL;
CREATE INDEX lookups_grp ON lookups (grp) WHERE grp IS NOT NULL;
CREATE INDEX lookups_kind ON lookups (kind);
CREATE INDEX lookups_shape ON lookups (shape);
CREATE INDEX lookups_failed ON lookups (outcome) WHERE outcome = 'failed';

-- Which lookups have a hint of that name, in lower case, or 'any'.
CREATE TABLE hints (
  hint TEXT,
  row  INTEGER, -- of lookups
  PRIMARY KEY (hint, row)
) WITHOUT ROWID;
CREATE TRIGGER lookups_unhinted AFTER DELETE ON lookups WHEN old.hints <> '[]' BEGIN
  DELETE FROM hints WHERE row = old.row AND hint IN (
    SELECT lower(substr(value, 1, instr(value || ':', ':') - 1)) FROM json_each(old.hints)
    UNION SELECT 'any');
END;

-- For people: times as text, durations in milliseconds.
CREATE VIEW readable AS SELECT
  row,
  strftime('%Y-%m-%dT%H:%M:%S', time / 1000000, 'unixepoch') || printf('.%03dZ', time / 1000 % 1000) AS time,
  op, kind, usr, grp, outcome, result_name AS result, entries,
  total_us / 1000.0 AS ms, queue_us / 1000.0 AS queue_ms, upstream_us / 1000.0 AS upstream_ms,
  rules, hints, diagnostic, bind_dn, client_addr, base, scope, filter, attrs,
  upstream_server, upstream_base, upstream_filter, cache, shape, conn, id,
  strftime('%Y-%m-%dT%H:%M:%SZ', run / 1000000, 'unixepoch') AS run
FROM lookups;
`

// newerError is a file that a later version of the proxy has written.
type newerError struct{ have, known int64 }

func (e *newerError) Error() string {
	return fmt.Sprintf("it has schema version %d, this version of the proxy knows %d", e.have, e.known)
}

// foreignError is a database of some other program.
type foreignError struct{}

func (foreignError) Error() string { return "it is an SQLite database of another program" }

// queryer is what a connection and a pool of them have in common.
type queryer interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// checkKind looks whose file it is and of which version, and refuses one that this
// program cannot write.
func checkKind(ctx context.Context, db queryer, known int) (version int64, err error) {
	var id, stamp, objects int64
	row := db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&id, &stamp, &objects); err != nil {
		return 0, err
	}
	version, oldest := stamped(stamp)
	switch {
	case id == 0 && stamp == 0 && objects == 0: // new, or begun when the power failed
		return 0, nil
	case id != applicationID:
		return 0, foreignError{}
	case oldest > int64(known):
		return 0, &newerError{version, int64(known)}
	}
	return version, nil
}

// stampOf is what a file with all the steps has in PRAGMA user_version: the version
// of its schema, and 65536 times the oldest version whose programs can write it, if
// that is not the same.
func stampOf(steps []step) int64 {
	version := len(steps)
	oldest := version
	for oldest > 1 && steps[oldest-1].additive {
		oldest--
	}
	if oldest == version {
		return int64(version)
	}
	return int64(oldest)<<16 | int64(version)
}

// stamped takes a stamp apart.
func stamped(stamp int64) (version, oldest int64) {
	version = stamp & 0xffff
	return version, cmp.Or(stamp>>16, version)
}

// migrate brings a file up to the latest of the steps, all of it or nothing.
func migrate(ctx context.Context, conn *sql.Conn, version int64, steps []step) error {
	if version >= int64(len(steps)) {
		return nil
	}
	// For a file without tables yet; later it has no effect.
	if err := execute(ctx, conn, "PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	var todo []string
	for _, s := range steps[version:] {
		todo = append(todo, s.statements)
	}
	todo = append(todo, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", stampOf(steps)), "COMMIT")
	if err := execute(ctx, conn, todo...); err != nil {
		_ = execute(ctx, conn, "ROLLBACK")
		return fmt.Errorf("bringing schema version %d to %d: %w", version, len(steps), err)
	}
	return nil
}

func execute(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
