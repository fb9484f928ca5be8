package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

type lookupsOptions struct {
	config, journal, url string
	tokenFile, ca        string
	conditions           map[string]*string // by the names that a query's text has
	limit                int
	follow, asJSON, csv  bool
}

// conditionFlags are the conditions of a query as flags, with their help.
var conditionFlags = []struct{ name, help string }{
	{"user", "about this user; * stands for anything"},
	{"group", "about this group; * stands for anything"},
	{"kind", "user, group, membership, user-groups, members, bind, rootdse, schema or other"},
	{"result", "ok, empty or failed, or a result by name or number"},
	{"hint", "with this hint, or any"},
	{"rule", "translated by this rule"},
	{"op", "search, bind, compare and so on; any shows unbind and abandon too"},
	{"client", "from this address"},
	{"since", "at most so long ago (15m, 2h, 7d), or since then (2026-01-31)"},
	{"until", "until then, in the same forms"},
	{"slow", "that took at least so long, such as 250ms"},
}

func newLookupsCommand() *cobra.Command {
	o := lookupsOptions{conditions: make(map[string]*string)}
	cmd := &cobra.Command{
		Use:   "lookups [WORD...]",
		Short: "Show lookups of the journal or of a running proxy",
		Long: `Show lookups, the latest at the end: from the journal, which reaches back for
days, or from a running proxy, which knows the latest 2,000. Words have to be
part of a lookup; conditions may be words too, as on the page (kind:group).

With --config the journal of that configuration is read, or, when it has none,
the proxy at its web.address is asked. Without any, the proxy at 127.0.0.1:8389.`,
		Example: `  jamf-ldap-proxy lookups --follow
  jamf-ldap-proxy lookups --config proxy.yaml --since 7d --result empty --kind membership
  jamf-ldap-proxy lookups --journal lookups.db --user jon.snow --csv > jon.csv
  jamf-ldap-proxy lookups --url https://proxy.example.com:8389 --token-file token hint:any`,
		RunE: func(cmd *cobra.Command, words []string) error {
			return runLookups(cmd.Context(), &o, words, newOutput(cmd.OutOrStdout()), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.journal, "journal", "", "file of a journal")
	f.StringVar(&o.url, "url", "", "address of a running proxy's page")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the token for that page (web.token_file)")
	f.StringVar(&o.ca, "ca", "", "PEM file of trusted roots for an https page")
	for _, c := range conditionFlags {
		o.conditions[c.name] = f.String(c.name, "", c.help)
	}
	f.IntVarP(&o.limit, "limit", "n", 50, "how many, at most")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with those that come")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	f.BoolVar(&o.csv, "csv", false, "print CSV with a header")
	cmd.MarkFlagsMutuallyExclusive("config", "journal", "url")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// lookupSource is where lookups come from.
type lookupSource interface {
	// latest returns the newest that the query selects, the oldest of them first.
	latest(ctx context.Context, q lookup.Query, limit int) ([]*lookup.Record, error)
	// follow shows those that come behind the latest, until ctx ends.
	follow(ctx context.Context, q lookup.Query, show func(*lookup.Record) error) error
	close()
}

func runLookups(ctx context.Context, o *lookupsOptions, words []string, out output, notes io.Writer) error {
	q, err := o.query(words, time.Now())
	if err != nil {
		return &usageError{err, "jamf-ldap-proxy lookups --help"}
	}
	if o.limit < 0 || o.limit > 1_000_000 {
		return &usageError{fmt.Errorf("--limit %d: write a number from 0 to 1000000", o.limit), ""}
	}
	source, err := o.source(notes)
	if err != nil {
		return err
	}
	defer source.close()
	shown := o.printer(out, notes)
	records, err := source.latest(ctx, q, o.limit)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := shown.lookup(r); err != nil {
			return err
		}
	}
	if err := shown.flush(); err != nil || !o.follow {
		return errors.Join(err, shown.nothing(len(records)))
	}
	err = source.follow(ctx, q, func(r *lookup.Record) error {
		return errors.Join(shown.lookup(r), shown.flush())
	})
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// query puts words and flags together. Without an operation, those that ask
// nothing are left out.
func (o *lookupsOptions) query(words []string, now time.Time) (lookup.Query, error) {
	quoted := make([]string, len(words))
	for i, word := range words {
		// A shell has taken quotes away that kept a value together.
		if name, value, found := strings.Cut(word, ":"); found && strings.Contains(value, " ") {
			word = name + `:"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
		quoted[i] = word
	}
	q, err := lookup.ParseQuery(strings.Join(quoted, " "), now)
	if err != nil {
		return q, err
	}
	for _, c := range conditionFlags {
		if value := *o.conditions[c.name]; value != "" {
			if err := q.Set(c.name, value, now); err != nil {
				return q, fmt.Errorf("--%w", err)
			}
		}
	}
	if q.Op == "" {
		q.Op = lookup.QuestionOps
	}
	return q, nil
}

// source chooses where to look.
func (o *lookupsOptions) source(notes io.Writer) (lookupSource, error) {
	switch {
	case o.journal != "":
		return openJournal(o.journal)
	case o.config == "":
		url := o.url
		if url == "" {
			url = "http://127.0.0.1:8389"
		}
		return newPageClient(url, o.tokenFile, o.ca, notes)
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.Journal.Path != "":
		return openJournal(cfg.Journal.Path)
	case cfg.Web.Address == "":
		return nil, &usageError{fmt.Errorf("%s has neither journal.path nor web.address, so there is nothing to look at", o.config), "set journal.path"}
	}
	scheme, ca := "http://", o.ca
	if cfg.Web.TLS.Certificate != "" {
		scheme = "https://"
		if ca == "" {
			ca = cfg.Web.TLS.Certificate
		}
	}
	token := o.tokenFile
	if token == "" {
		token = cfg.Web.TokenFile
	}
	return newPageClient(scheme+reachable(cfg.Web.Address), token, ca, notes)
}

// journalSource reads the file, whether a proxy writes it or not.
type journalSource struct {
	reader *journal.Reader
	row    int64 // of the latest that was shown
}

func openJournal(path string) (lookupSource, error) {
	reader, err := journal.OpenReader(path)
	if err != nil {
		try := "the name of the file in journal.path of the configuration"
		if !errors.Is(err, os.ErrNotExist) {
			try = ""
		}
		return nil, &usageError{err, try}
	}
	return &journalSource{reader: reader}, nil
}

func (s *journalSource) close() { _ = s.reader.Close() }

func (s *journalSource) latest(ctx context.Context, q lookup.Query, limit int) ([]*lookup.Record, error) {
	last, err := s.reader.Select(ctx, lookup.Query{}, 1, 0)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 {
		s.row = last[0].Row
	}
	entries, err := s.reader.Select(ctx, q, limit, s.row+1)
	records := make([]*lookup.Record, len(entries))
	for i := range entries {
		records[len(entries)-1-i] = entries[i].Record
	}
	return records, err
}

// journalPoll is how often a followed journal is looked at; it is written once a
// second.
const (
	journalPoll = 500 * time.Millisecond
	journalPage = 1000
)

func (s *journalSource) follow(ctx context.Context, q lookup.Query, show func(*lookup.Record) error) error {
	tick := time.NewTicker(journalPoll)
	defer tick.Stop()
	for {
		// What comes while it is searched is behind this one.
		newest, err := s.reader.Newest(ctx)
		if err != nil {
			return err
		}
		entries, err := s.reader.After(ctx, q, s.row, journalPage)
		if err != nil {
			return err
		}
		for i := range entries {
			s.row = entries[i].Row
			if err := show(entries[i].Record); err != nil {
				return err
			}
		}
		if len(entries) == journalPage {
			continue
		}
		s.row = newest // all up to there has been looked at; set outright, for a file that is begun anew
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
