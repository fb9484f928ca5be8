package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/replay"
)

type replayOptions struct {
	config, a, b, ca string
	accountOptions
	journal, lines string
	conditions     lookupsOptions // of which only those are used
	rate           string
	limit          int
	ignore         []string
	asJSON         bool
}

// replayConditions are the conditions that replay has as flags; all others may be
// words.
var replayConditions = []string{"user", "group", "kind", "result", "since", "until"}

func newReplayCommand() *cobra.Command {
	o := replayOptions{conditions: lookupsOptions{conditions: make(map[string]*string)}}
	cmd := &cobra.Command{
		Use:   "replay (--config FILE | --a URL --b URL --dn DN) [WORD...]",
		Short: "Repeat recorded lookups against two servers, and compare the answers",
		Long: `Take searches and compares from the journal or from JSON lines (the log, lookups
--json), repeat each once against two servers, and report answers that differ in
meaning. Nothing else is sent, and nobody but --dn is bound. With --config a is
upstream.servers and b the first listener. Words and conditions are as in lookups.

Exit codes: 0 all the same, 1 something differs or failed, 2 wrong use.`,
		Example: `  jamf-ldap-proxy replay --config proxy.yaml --since 24h --ignore entryUUID
  jamf-ldap-proxy replay --a ldap://dc1.example.com --b ldap://dc1.example.com \
    --journal lookups.db --dn uid=jamf.ldap,ou=Users,o=ORG,dc=jumpcloud,dc=com`,
		RunE: func(cmd *cobra.Command, words []string) error {
			return runReplay(cmd.Context(), &o, words, cmd.InOrStdin(), newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML), for what is not given by flags")
	f.StringVar(&o.a, "a", "", "one server, ldaps://HOST or ldap://HOST")
	f.StringVar(&o.b, "b", "", "the other one")
	f.StringVar(&o.ca, "ca", "", "PEM file of trusted roots, for --a and --b")
	o.register(f)
	f.StringVar(&o.journal, "journal", "", "file of a journal")
	f.StringVar(&o.lines, "lines", "", "file of JSON lines, or - for standard input")
	for _, c := range conditionFlags {
		o.conditions.conditions[c.name] = new(string)
	}
	for _, name := range replayConditions {
		f.StringVar(o.conditions.conditions[name], name, "", helpOfCondition(name))
	}
	f.StringVar(&o.rate, "rate", "20/s", "how many questions per second (/s) or minute (/m)")
	f.IntVarP(&o.limit, "limit", "n", 1000, "how many questions, at most")
	f.StringSliceVar(&o.ignore, "ignore", nil, "attributes that may differ")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("journal", "lines")
	return cmd
}

func helpOfCondition(name string) string {
	for _, c := range conditionFlags {
		if c.name == name {
			return c.help
		}
	}
	return ""
}

func runReplay(ctx context.Context, o *replayOptions, words []string, in io.Reader, out, notes output) error {
	const help = "jamf-ldap-proxy replay --help"
	query, err := o.conditions.query(words, time.Now())
	if err != nil {
		return &usageError{err, help}
	}
	every, err := parseRate(o.rate)
	if err != nil {
		return &usageError{err, "--rate 20/s"}
	}
	if o.limit < 1 || o.limit > 1_000_000 {
		return &usageError{fmt.Errorf("--limit %d: write a number from 1 to 1000000", o.limit), ""}
	}
	var cfg config.Config
	if o.config != "" {
		if cfg, err = loadConfig(o.config); err != nil {
			return err
		}
	}
	a, b, err := o.servers(cfg)
	if err != nil {
		return err
	}
	records, err := o.records(ctx, cfg, query, in)
	if err != nil {
		return err
	}
	defer records.close()
	if o.lines == "-" {
		in = strings.NewReader("") // it is not there to ask for a password
	}
	as, err := o.account(ctx, cfg, in, notes)
	if err != nil {
		return err
	}
	defer as.password.Wipe()
	server := func(name string, s *dial.Server) *replay.Server {
		return &replay.Server{Name: name + ", " + s.String(), Dial: s.Dial, DN: as.dn, Password: as.password}
	}
	p := newReplayPrinter(out, notes, o.asJSON, a, b)
	report, err := replay.Run(ctx, records.all, replay.Options{
		A: server("a", a), B: server("b", b), Every: every, Limit: o.limit, Ignore: o.ignore, Case: p.add, Progress: p.progress,
	})
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return errors.Join(p.end(&report), err, replayVerdict(&report, err))
}

// replayVerdict is the error that makes the exit code 1.
func replayVerdict(r *replay.Report, failed error) error {
	switch {
	case r.Different > 0:
		return fmt.Errorf("%s of %d", counted(r.Different, "different answer"), r.Asked)
	case r.Unanswered > 0 && failed == nil:
		return fmt.Errorf("%s of %d not answered", counted(r.Unanswered, "question"), r.Asked)
	case r.Asked == 0 && failed == nil:
		return errors.New("nothing was repeated: no recorded lookup fits, or none can be")
	}
	return nil
}

// servers are the two that are asked.
func (o *replayOptions) servers(cfg config.Config) (a, b *dial.Server, err error) {
	if o.config == "" && (o.a == "" || o.b == "") {
		return nil, nil, &usageError{errors.New("it is not known whom to ask: there is no --config, and not both of --a and --b"), "--a URL --b URL"}
	}
	if o.a != "" {
		a, err = serverAt("--a", o.a, o.ca)
	} else {
		a, err = upstreamServer(cfg)
	}
	if err != nil {
		return nil, nil, err
	}
	if o.b != "" {
		b, err = serverAt("--b", o.b, o.ca)
	} else {
		b, err = ownListener(cfg, o.ca)
	}
	return a, b, err
}

// parseRate reads how many questions there may be, and returns the time between two.
func parseRate(text string) (time.Duration, error) {
	number, unit, hasUnit := strings.Cut(text, "/")
	per := time.Second
	if hasUnit && unit == "m" {
		per = time.Minute
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 10_000 || hasUnit && unit != "s" && unit != "m" {
		return 0, fmt.Errorf("--rate %q: write a number from 1 to 10000 with /s or /m behind it", text)
	}
	return per / time.Duration(n), nil
}
