package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
)

func newManCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man --dir DIR",
		Short: "Write the man pages",
		Long: `Write a man page for each command, and one for the configuration, into a folder.
The same program always writes the same bytes.`,
		Example: "  jamf-ldap-proxy man --dir man",
		Args:    noArgs,
		Hidden:  true, // for those who make packages
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return &usageError{errors.New("--dir is needed: the folder for the pages"), "jamf-ldap-proxy man --dir man"}
			}
			return writeManPages(cmd.Root(), dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder for the pages; it is made if it is not there")
	return cmd
}

func writeManPages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // everybody reads man pages
		return fmt.Errorf("making the folder: %w", err)
	}
	pages := map[string]string{configPage + ".5": configManPage()}
	for cmd := range commands(root) {
		if isDocumented(cmd) {
			pages[pageName(cmd)+".1"] = commandManPage(cmd)
		}
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644); err != nil { //nolint:gosec // see above
			return fmt.Errorf("writing a page: %w", err)
		}
	}
	return nil
}

// configPage is the page about the configuration file.
const configPage = "jamf-ldap-proxy.yaml"

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// isDocumented leaves out what cobra adds by itself: help, and the shells below
// completion.
func isDocumented(cmd *cobra.Command) bool {
	for c := cmd; c.HasParent(); c = c.Parent() {
		if c.Hidden || c.Name() == "help" || c.Parent().Name() == "completion" {
			return false
		}
	}
	return true
}

func documentedBelow(cmd *cobra.Command) []*cobra.Command {
	var below []*cobra.Command
	for _, sub := range cmd.Commands() {
		if isDocumented(sub) {
			below = append(below, sub)
		}
	}
	return below
}

func commandManPage(cmd *cobra.Command) string {
	var p roff
	p.title(pageName(cmd), "1")
	p.section("NAME")
	p.text(pageName(cmd) + " - " + cmd.Short)
	p.section("SYNOPSIS")
	p.text(synopsis(cmd))
	p.section("DESCRIPTION")
	p.text(cmp.Or(cmd.Long, cmd.Short))
	if subs := documentedBelow(cmd); len(subs) > 0 {
		p.section("COMMANDS")
		for _, sub := range subs {
			p.item(sub.Name(), sub.Short+".")
		}
	}
	if cmd.LocalFlags().HasAvailableFlags() {
		p.section("OPTIONS")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { p.item(flagTitle(f), flagText(f)) })
	}
	if cmd.Example != "" {
		p.section("EXAMPLES")
		p.text(cmd.Example)
	}
	if cmd.Flag("config") != nil {
		p.section("ENVIRONMENT")
		p.text("Every key of the configuration is also a variable: upstream.base is " + config.EnvPrefix + "UPSTREAM_BASE.")
	}
	p.section("SEE ALSO")
	p.text(strings.Join(relatives(cmd), ", "))
	return p.String()
}

func synopsis(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.UseLine()
}

func relatives(cmd *cobra.Command) []string {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, pageName(cmd.Parent())+"(1)")
	}
	for _, sub := range documentedBelow(cmd) {
		pages = append(pages, pageName(sub)+"(1)")
	}
	return append(pages, configPage+"(5)")
}

// flagTitle is a flag with the kind of its value.
func flagTitle(f *pflag.Flag) string {
	title := "--" + f.Name
	if f.Shorthand != "" {
		title = "-" + f.Shorthand + ", " + title
	}
	if kind, _ := pflag.UnquoteUsage(f); kind != "" {
		title += " " + strings.ToUpper(kind)
	}
	return title
}

func flagText(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "0", "[]":
		return text + "."
	}
	return text + ". Default: " + f.DefValue + "."
}

// configManPage lists every key, from the schema.
func configManPage() string {
	var p roff
	p.title(configPage, "5")
	p.section("NAME")
	p.text(configPage + " - configuration of jamf-ldap-proxy")
	p.section("DESCRIPTION")
	p.text(`The configuration is one YAML document; its name and place are free, and given with --config. A key that nobody knows is a ` +
		`mistake. Names of files are relative to the folder of the configuration. Every key is also a variable: upstream.base is ` +
		config.EnvPrefix + `UPSTREAM_BASE, listeners[0].address is ` + config.EnvPrefix + "LISTENERS_0_ADDRESS; variables win.\n\n" +
		"`jamf-ldap-proxy config example` prints a file to begin with, `jamf-ldap-proxy config check` checks one. The shortest is\n\n" +
		indented(minimalPreset()))
	p.section("KEYS")
	for path, key := range config.NewSchema().Keys() {
		text := key.Description
		if value := key.DefaultText(); value != "" {
			text += " Default: " + value + "."
		}
		p.item(path, text)
	}
	p.section("SEE ALSO")
	p.text("jamf-ldap-proxy(1), jamf-ldap-proxy-config(1), jamf-ldap-proxy-serve(1)")
	return p.String()
}

func minimalPreset() string {
	for _, p := range configs.Presets() {
		if p.Name == "minimal" {
			return p.Text
		}
	}
	panic("minimal.yaml is not embedded")
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
