package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/upstream"
)

func newConfigCheckCommand() *cobra.Command {
	var (
		file   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a configuration without starting anything",
		Long: `Load a configuration as serve does, variables and the files that it names
included, and say what it means, or every mistake with its line and what to try.
No port is opened, and nobody is asked.

Exit codes: 0 serve would start, 2 it would not.`,
		Example: `  jamf-ldap-proxy config check --config proxy.yaml
  jamf-ldap-proxy config check --config proxy.yaml --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := newOutput(cmd.OutOrStdout())
			cfg, err := checkConfig(file)
			if asJSON {
				return printCheckJSON(out, file, cfg.Warnings, err)
			}
			if err != nil {
				return err
			}
			return printCheck(out, cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "config", "", "configuration file (YAML)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// checkConfig loads a configuration and goes as far as serve does before it opens
// a port.
func checkConfig(file string) (config.Config, error) {
	cfg, err := loadConfig(file)
	if err != nil {
		return cfg, err
	}
	if strings.Contains(cfg.Upstream.Base, configs.OrgID) {
		cfg.Warnings = append(cfg.Warnings, "upstream.base: "+configs.OrgID+" stands where the ID of your organisation belongs; JumpCloud's console shows it in Org DN")
	}
	alone := cfg
	alone.Upstream.Warm = 0 // no connection is made ahead
	ready, err := prepare(alone, upstream.Options{}, nil)
	if err != nil {
		return cfg, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return cfg, ready.pool.Close(ctx)
}

// checkReport is what --json prints.
type checkReport struct {
	File     string          `json:"file"`
	OK       bool            `json:"ok"`
	Problems config.Problems `json:"problems"`
	Warnings []string        `json:"warnings"`
}

func printCheckJSON(out output, file string, warnings []string, failed error) error {
	report := checkReport{File: file, OK: failed == nil, Problems: config.Problems{}, Warnings: append([]string{}, warnings...)}
	if failed != nil && !errors.As(failed, &report.Problems) {
		report.Problems = config.Problems{{File: file, Message: failed.Error()}}
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(report); err != nil || failed == nil {
		return err
	}
	return &usageError{err: fmt.Errorf("%s has %s", shownFile(file), counted(len(report.Problems), "mistake"))}
}

func shownFile(file string) string { return cmp.Or(file, "the configuration") }

// printCheck says what a configuration means.
func printCheck(out output, cfg config.Config) error {
	paint := newPainter(out)
	fmt.Fprintf(out, "%s\n\n", paint.bold(shownFile(cfg.File)+" is fine"))
	for _, row := range meaning(cfg) {
		for i, line := range row.lines {
			name := row.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(out, "  %-10s %s\n", name, line)
		}
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(out, "\n%s %s\n", paint.hint("Warning:"), warning)
	}
	return nil
}
