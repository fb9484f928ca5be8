package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

// recorded are the lookups that may be repeated.
type recorded struct {
	all   func(yield func(*lookup.Record, error) bool)
	close func()
}

// records opens what lookups are taken from.
func (o *replayOptions) records(ctx context.Context, cfg config.Config, q lookup.Query, in io.Reader) (recorded, error) {
	file := o.journal
	switch {
	case o.lines != "":
		return linesOf(o.lines, q, in)
	case file == "":
		file = cfg.Journal.Path
	}
	if file == "" {
		return recorded{}, &usageError{
			errors.New("there are no lookups to repeat: neither --journal nor --lines, and no journal.path in --config"),
			"--journal FILE, or --lines FILE with what lookups --json prints",
		}
	}
	reader, err := journal.OpenReader(file)
	if err != nil {
		return recorded{}, &usageError{err, "the name of the file in journal.path of the configuration"}
	}
	return recorded{
		all:   func(yield func(*lookup.Record, error) bool) { journalBackwards(ctx, reader, q, yield) },
		close: func() { _ = reader.Close() },
	}, nil
}

// journalBackwards reads a journal page by page, the latest first, so that it is
// not held while the servers are asked.
func journalBackwards(ctx context.Context, reader *journal.Reader, q lookup.Query, yield func(*lookup.Record, error) bool) {
	for before := int64(0); ; {
		page, err := reader.Select(ctx, q, journalPage, before)
		for i := range page {
			if !yield(page[i].Record, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		if len(page) < journalPage {
			return
		}
		before = page[len(page)-1].Row
	}
}

// maxLine bounds a line of JSON.
const maxLine = 16 << 20

// linesOf reads lookups from a file, in its order. What is no lookup is left out,
// as the other lines of a log are.
func linesOf(file string, q lookup.Query, in io.Reader) (recorded, error) {
	closeFile := func() {}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return recorded{}, &usageError{fmt.Errorf("opening --lines: %w", err), "name a file with what lookups --json prints"}
		}
		in, closeFile = f, func() { _ = f.Close() }
	}
	all := func(yield func(*lookup.Record, error) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			r := new(lookup.Record)
			if json.Unmarshal(lines.Bytes(), r) != nil || r.Op == "" || !q.Match(r) {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("reading --lines: %w", err))
		}
	}
	return recorded{all, closeFile}, nil
}
