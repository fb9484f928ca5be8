package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/explain"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/ldif"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

type explainOptions struct {
	config, filter, base, scope, compare, entry string
	attrs                                       []string
	sizeLimit                                   int32
	asJSON                                      bool
}

func newExplainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain --config FILE (--filter FILTER | --compare ASSERTION --base DN | < LOG)",
		Short: "Show what becomes of a request, and why",
		Long: `Show what the proxy makes of a request: the rules that fire and why, what is asked
upstream, what becomes of an entry, and hints. Nothing is asked; the code is the
one that serve runs. Without --filter and --compare, lines of the proxy's JSON
log are read from standard input.`,
		Example: `  jamf-ldap-proxy explain --config proxy.yaml --filter '(&(objectClass=groupOfNames)(cn=Everyone))'
  jamf-ldap-proxy explain --config proxy.yaml --filter '(memberUid=jon.snow)' --entry group.ldif
  jamf-ldap-proxy explain --config proxy.yaml --base cn=Everyone,BASE --compare memberUid=jon.snow
  grep unknown-group proxy.log | tail -n 1 | jamf-ldap-proxy explain --config proxy.yaml`,
		Args: noArgs,

		DisableFlagsInUseLine: true, // --help would be wider than a screen

		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExplain(&o, cmd.InOrStdin(), newOutput(cmd.OutOrStdout()), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.filter, "filter", "", "filter of a search")
	f.StringVar(&o.base, "base", "", "base DN of a search (default upstream.base), entry of a compare")
	f.StringVar(&o.scope, "scope", "sub", "scope of a search: base, one, sub or children")
	f.StringSliceVar(&o.attrs, "attrs", nil, "attributes that the search asks for (default all)")
	f.Int32Var(&o.sizeLimit, "size-limit", 0, "size limit of the search")
	f.StringVar(&o.compare, "compare", "", "assertion of a compare, such as member=uid=jon.snow,ou=Users,...")
	f.StringVar(&o.entry, "entry", "", "LDIF file with entries as upstream has them")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("filter", "compare")
	return cmd
}

func runExplain(o *explainOptions, stdin io.Reader, out output, notes io.Writer) error {
	cfg, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	if cfg.Groups.Discover.Enabled {
		fmt.Fprintln(notes, "Note: nothing is asked here, so the pairs that serve discovers are not known; the command pairs prints them.")
	}
	rules, err := rewrite.Compile(cfg.Groups)
	if err != nil {
		return &usageError{err: err}
	}
	guards, err := proxy.NewGuards(cfg.Guards)
	if err != nil {
		return &usageError{err: err}
	}
	samples, err := readSamples(o.entry)
	if err != nil {
		return &usageError{err, "write the entry to a file with ldapsearch -LLL"}
	}
	x := explainer{rules: rules, guards: guards, samples: samples, out: out, asJSON: o.asJSON}
	switch {
	case o.filter != "":
		return x.filter(o, cfg.Upstream.Base)
	case o.compare != "":
		return x.compare(o)
	}
	return x.log(stdin)
}

func readSamples(file string) ([]ldif.Entry, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening --entry: %w", err)
	}
	defer f.Close()
	samples, err := ldif.Read(f)
	if err == nil && len(samples) == 0 {
		err = errors.New("there is no entry in it")
	}
	if err != nil {
		return nil, fmt.Errorf("reading --entry %s: %w", file, err)
	}
	return samples, nil
}

// explainer prints explanations, one behind the other.
type explainer struct {
	rules   *rewrite.Rules
	guards  *proxy.Guards
	samples []ldif.Entry
	out     output
	asJSON  bool
	printed int
}

func (x *explainer) filter(o *explainOptions, usersBase string) error {
	f, err := explain.ParseFilter(o.filter)
	if err != nil {
		return &usageError{err, "quote the filter, and see that its parentheses match"}
	}
	scope, err := explain.ParseScope(o.scope)
	if err != nil {
		return &usageError{err: err}
	}
	base := o.base
	if base == "" {
		base = usersBase
	}
	return x.search(&ldap.SearchRequest{Base: base, Scope: scope, Filter: f, Attributes: o.attrs, SizeLimit: o.sizeLimit})
}

func (x *explainer) compare(o *explainOptions) error {
	attr, value, ok := strings.Cut(o.compare, "=")
	if !ok || o.base == "" {
		return &usageError{errors.New("a compare needs an assertion and the DN of an entry"), "--compare memberUid=jon.snow --base cn=gameOfThrones,ou=Users,..."}
	}
	return x.compareRequest(&ldap.CompareRequest{DN: o.base, Attr: attr, Value: value})
}

// log explains every search and compare of a log; other lines are passed over
// unless there is nothing else.
func (x *explainer) log(in io.Reader) error {
	if isTerminal(in) {
		in = strings.NewReader("") // nobody types a log line
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	var skipped error
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		search, compare, err := explain.ParseLine(lines.Text())
		switch {
		case errors.Is(err, explain.ErrNoLookup):
			skipped = err
			continue
		case err != nil:
			return &usageError{err: err}
		case search != nil:
			err = x.search(search)
		default:
			err = x.compareRequest(compare)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	if x.printed == 0 {
		if skipped == nil {
			skipped = errors.New("nothing to explain: no --filter, no --compare, and no log line on standard input")
		}
		return &usageError{skipped, "jamf-ldap-proxy explain --help"}
	}
	return nil
}

func (x *explainer) search(req *ldap.SearchRequest) error {
	e, err := explain.Search(x.rules, req, x.samples)
	return x.print(e, x.guards.RefusesSearch(req), err)
}

func (x *explainer) compareRequest(req *ldap.CompareRequest) error {
	e, err := explain.Compare(x.rules, req, x.samples)
	return x.print(e, x.guards.RefusesCompare(req), err)
}

func (x *explainer) print(e *explain.Explanation, refused string, err error) error {
	if err != nil {
		return err
	}
	e.Refused = refused
	x.printed++
	if x.asJSON {
		enc := json.NewEncoder(x.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	if x.printed > 1 {
		fmt.Fprintf(x.out, "\n%s\n\n", strings.Repeat("-", 72))
	}
	paint := newPainter(x.out)
	return e.Text(x.out, explain.Paint{
		Bold: paint.bold, Dim: paint.dim, Old: paint.removed, New: paint.answer, Hint: paint.hint,
	})
}
