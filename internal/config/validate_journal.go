package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// Bounds of the journal. Old lookups are looked for every ten seconds; 8 MiB, of which
// the write-ahead log takes its part, hold some 6,000 lookups.
const (
	minJournalKeep  = time.Minute
	minJournalBytes = 8 * bytesize.MiB
)

func (l *loader) validateJournal() {
	const path = "journal.path"
	c := &l.cfg.Journal
	if c.Keep < minJournalKeep && !l.isBad("journal.keep") {
		l.mistake("journal.keep", shortDuration(c.Keep), "must be at least "+shortDuration(minJournalKeep),
			"write for example 336h for two weeks; journal.path: \"\" switches the journal off")
	}
	if c.MaxBytes < minJournalBytes && !l.isBad("journal.max_bytes") {
		l.mistake("journal.max_bytes", c.MaxBytes.String(), "must be at least "+minJournalBytes.String(),
			"write a larger size, for example 1GiB")
	}
	if c.Path == "" || l.isBad(path) {
		return
	}
	c.Path = l.absolute(path, c.Path)
	// A folder that is missing or a name that is one is a mistake in the file. One
	// that cannot be written may be mended while the proxy serves: the journal
	// waits for it, and lookups do not.
	if info, err := os.Stat(c.Path); err == nil && !info.Mode().IsRegular() {
		l.mistake(path, c.Path, "is no file", "add a file name: "+filepath.Join(c.Path, "lookups.db"))
		return
	}
	if info, err := os.Stat(filepath.Dir(c.Path)); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		l.mistake(path, c.Path, "is in a folder that does not exist", "create "+filepath.Dir(c.Path)+", for the user that runs the proxy")
	}
}
