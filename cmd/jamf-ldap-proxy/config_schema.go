package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
)

func newConfigSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a configuration, for editors",
		Long: `Print the JSON Schema of a configuration. Editors with a YAML language server
(VS Code, Neovim, JetBrains) complete and check a file with it that begins with

  # yaml-language-server: $schema=proxy.schema.json

A schema sees names and types only; config check sees everything that serve does.`,
		Example: `  jamf-ldap-proxy config schema > proxy.schema.json`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(config.NewSchema())
		},
	}
}
