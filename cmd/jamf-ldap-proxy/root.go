package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "jamf-ldap-proxy",
		Short: "LDAP proxy between Jamf Pro and JumpCloud",
		Long: `jamf-ldap-proxy stands between an on-prem Jamf Pro server and JumpCloud's LDAP.
Jamf keeps its mappings to groupOfNames and member; the proxy answers them from
JumpCloud's posixGroup entries, group ID included, and shows every lookup.`,
		Example: `  jamf-ldap-proxy demo                                # see it work, without JumpCloud
  jamf-ldap-proxy config example --preset jumpcloud   # a configuration to begin with
  jamf-ldap-proxy config check --config proxy.yaml    # what is wrong with mine?
  jamf-ldap-proxy serve --config proxy.yaml           # the real thing`,
		SilenceUsage: true,

		SuggestionsMinimumDistance: 2,

		SilenceErrors: true,
		Version:       version().String(),
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err, cmd.CommandPath() + " --help"}
	})
	root.SetVersionTemplate("jamf-ldap-proxy {{.Version}}\n")
	root.AddCommand(newServeCommand(), newDemoCommand(), newPairsCommand(), newSimulateCommand(), newJamfSettingsCommand(), newReplayCommand(), newDoctorCommand(), newConfigCommand(), newHealthCommand(), newExplainCommand(), newLookupsCommand(), newManCommand(), newCertCommand(), newVersionCommand())
	addCompletions(root)
	root.SetUsageTemplate(usageTemplate(root))
	return root
}

// noArgs refuses a word that is neither a command nor the value of a flag, and
// names the command that was perhaps meant.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	try := cmd.CommandPath() + " --help"
	if !cmd.HasSubCommands() {
		return &usageError{fmt.Errorf("%s takes flags only, not %q", cmd.CommandPath(), args[0]), try}
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		try = cmd.CommandPath() + " " + near[0]
	}
	return &usageError{fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0]), try}
}
