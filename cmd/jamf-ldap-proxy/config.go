package main

import "github.com/spf13/cobra"

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write, check and describe configurations",
		Long: `Write a configuration to begin with, check one without starting anything, or
print the schema with which an editor completes and checks it.`,
		Example: `  jamf-ldap-proxy config example --preset jumpcloud > jumpcloud.yaml
  jamf-ldap-proxy config check --config proxy.yaml
  jamf-ldap-proxy config schema > proxy.schema.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(newConfigExampleCommand(), newConfigCheckCommand(), newConfigSchemaCommand())
	return cmd
}
