package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
)

func newServeCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve Jamf Pro from the configured directory",
		Long: `Serve Jamf Pro from the configured directory until SIGINT or SIGTERM, then let
running lookups finish (limits.drain).

Scalars can be set by variables too: JAMF_LDAP_PROXY_UPSTREAM_BASE,
JAMF_LDAP_PROXY_LOG_LEVEL, and so on.

Exit codes: 0 ended by a signal, 1 failed while running, 2 wrong configuration.`,
		Example: "  jamf-ldap-proxy serve --config /etc/jamf-ldap-proxy/config.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, newOutput(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (YAML)")
	return cmd
}

func loadConfig(file string) (config.Config, error) {
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return cfg, &usageError{err: err}
	}
	cfg.File = file
	return cfg, nil
}

// serve runs the service until ctx ends or a listener fails.
func serve(ctx context.Context, cfg config.Config, out output) error {
	svc, err := startService(cfg, out)
	if err != nil {
		return err
	}
	// Without this a SIGHUP, which administrators send to reload, would end
	// the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			svc.log.Warn("reloading is not available in this version: restart to apply a changed configuration")
		case err := <-svc.failed:
			return errors.Join(err, svc.stop())
		case <-ctx.Done():
			return svc.stop()
		}
	}
}
