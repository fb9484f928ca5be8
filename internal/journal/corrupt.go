package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// keptCorrupt bounds how many damaged files lie about: a disk that damages one
// damages the next.
const keptCorrupt = 3

// isCorrupt reports whether err says that the file is damaged.
func isCorrupt(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// resultCode is SQLite's primary code of an error, 0 if it is not SQLite's.
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// moveAside renames a damaged file so that a new one can be begun, and returns the
// new name.
func moveAside(path string, now time.Time) (string, error) {
	aside := path + ".corrupt-" + now.UTC().Format("20060102T150405.000Z")
	if _, err := os.Lstat(aside); err == nil {
		return "", fmt.Errorf("moving the damaged file aside: there is a file %s already", aside)
	}
	// The write-ahead log first: a new file must never meet the log of another.
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("moving the damaged file aside: %w", err)
		}
	}
	forgetOldest(path)
	return aside, nil
}

// forgetOldest deletes what was moved aside before the latest few.
func forgetOldest(path string) {
	entries, err := os.ReadDir(filepath.Dir(path)) // sorted by name, and so by time
	if err != nil {
		return
	}
	var aside []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".corrupt-") && strings.HasSuffix(e.Name(), "Z") {
			aside = append(aside, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	for _, name := range aside[:max(0, len(aside)-keptCorrupt)] {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(name + suffix)
		}
	}
}
