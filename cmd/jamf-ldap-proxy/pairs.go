package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/upstream"
)

type pairsOptions struct {
	config, format string
	json           bool
	accountOptions
}

func newPairsCommand() *cobra.Command {
	var o pairsOptions
	cmd := &cobra.Command{
		Use:   "pairs --config FILE",
		Short: "Find out which Linux group belongs to which group of the console",
		Long: `Read every group of the configured directory once and print which two entries are
one group: its console name and its Linux group. Two entries are a pair when they
have the same members, and the same name but for capitals, spaces and punctuation,
or members that no other group has. What is not certain is listed with the reason
and what to do. Nothing is changed.

The groups are read as upstream.service_account, or as --dn, whose password comes
from --password-file, the variable ` + passwordVariable + ` or a prompt.

Exit codes: 0 printed, 1 failed while reading, 2 wrong use or configuration.`,
		Example: `  jamf-ldap-proxy pairs --config proxy.yaml
  jamf-ldap-proxy pairs --config proxy.yaml --format yaml > pairs.yaml
  jamf-ldap-proxy pairs --config proxy.yaml --dn uid=jamf.ldap,ou=Users,o=ORG,dc=jumpcloud,dc=com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pairs(cmd.Context(), o, cmd.InOrStdin(), newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.format, "format", "", "table, yaml or json; default: table on a terminal, else yaml")
	f.BoolVar(&o.json, "json", false, "the same as --format json")
	o.register(f)
	return cmd
}

// printers write a result in each of the formats.
var printers = map[string]func(output, *discovery.Result) error{
	"table": printPairTable, "yaml": printPairYAML, "json": printPairJSON,
}

func pairs(ctx context.Context, o pairsOptions, in io.Reader, out, progress output) error {
	if err := o.chooseFormat(out); err != nil {
		return err
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(progress, "Warning: %s\n", warning)
	}
	account, err := o.account(ctx, cfg, in, progress)
	if err != nil {
		return err
	}
	groups, err := readGroups(ctx, cfg, account, progress)
	if err != nil {
		return err
	}
	result := discovery.Match(groups, cfg.Groups.Pairs)
	return printers[o.format](out, &result)
}

func (o *pairsOptions) chooseFormat(out output) error {
	const help = "jamf-ldap-proxy pairs --help"
	switch {
	case o.json && o.format != "" && o.format != "json":
		return &usageError{fmt.Errorf("--json and --format %s exclude each other", o.format), help}
	case o.json:
		o.format = "json"
	case o.format == "" && out.terminal:
		o.format = "table"
	case o.format == "":
		o.format = "yaml"
	}
	if printers[o.format] == nil {
		return &usageError{fmt.Errorf("--format %q: choose table, yaml or json", o.format), help}
	}
	return nil
}

// readGroups reads all groups as the account, and says how far it is where
// somebody may be waiting.
func readGroups(ctx context.Context, cfg config.Config, account readAs, progress output) (groups discovery.Groups, err error) {
	cfg.Upstream.Warm = 0 // one connection is enough for one reading
	pool, err := upstream.New(cfg.Upstream, upstream.Options{})
	if err != nil {
		return groups, &usageError{err: err}
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = errors.Join(err, pool.Close(end))
	}()
	source := discovery.Source{
		Pool: pool, Identity: upstream.NewIdentity(account.dn, account.password),
		Base: cfg.Upstream.Base, Class: cfg.Groups.LegacyClass, Account: account.dn, Knob: account.knob,
	}
	defer source.Identity.Forget()
	if progress.terminal {
		source.Progress = func(n int) { fmt.Fprintf(progress, "\rreading groups: %d", n) }
		defer fmt.Fprint(progress, "\r\x1b[K")
	}
	groups, err = source.Read(ctx)
	if ctx.Err() != nil {
		return groups, errors.New("interrupted while reading the groups")
	}
	return groups, err
}
