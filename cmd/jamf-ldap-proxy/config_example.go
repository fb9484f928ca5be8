package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/configs"
)

func newConfigExampleCommand() *cobra.Command {
	var preset, org string
	cmd := &cobra.Command{
		Use:   "example",
		Short: "Print a configuration to begin with",
		Long:  "Print a configuration to begin with. The presets are\n\n" + presetList(),
		Example: `  jamf-ldap-proxy config example
  jamf-ldap-proxy config example --preset jumpcloud --org 5f0e1d2c3b4a59687766554a > jumpcloud.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return configExample(cmd.OutOrStdout(), preset, org)
		},
	}
	f := cmd.Flags()
	f.StringVar(&preset, "preset", "full", "which one")
	f.StringVar(&org, "org", "", "ID of the organisation, or Org DN as JumpCloud's console shows it, to fill in")
	return cmd
}

// presetList names the presets, a line each.
func presetList() string {
	var b strings.Builder
	for _, p := range configs.Presets() {
		fmt.Fprintf(&b, "  %-16s %s\n", p.Name, p.About)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func configExample(out io.Writer, preset, org string) error {
	text := ""
	for _, p := range configs.Presets() {
		if p.Name == preset {
			text = p.Text
		}
	}
	if text == "" {
		return &usageError{fmt.Errorf("--preset %q is none of\n%s", preset, presetList()), "--preset jumpcloud"}
	}
	if org != "" {
		id, ok := orgID(org)
		if !ok {
			return &usageError{fmt.Errorf("--org %q holds no ID of an organisation, which is 24 digits and letters from a to f", org),
				"copy Org DN from JumpCloud's console"}
		}
		text = strings.ReplaceAll(text, configs.OrgID, id)
	}
	_, err := io.WriteString(out, text)
	return err
}

var orgPattern = regexp.MustCompile(`(?i)^(?:.*\bo=)?([0-9a-f]{24})(?:,.*)?$`)

// orgID takes an ID, or any DN of the organisation that it is in.
func orgID(text string) (string, bool) {
	found := orgPattern.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return "", false
	}
	return strings.ToLower(found[1]), true
}
