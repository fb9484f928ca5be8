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
	var (
		file  string
		dumps bool
	)
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve Jamf Pro from the configured directory",
		Long: `Serve Jamf Pro from the configured directory until SIGINT or SIGTERM, then let
running lookups finish (limits.drain). SIGHUP reads the file again: all of it takes
effect, or, with a mistake, nothing; no client is disconnected.

Scalars can be set by variables too: JAMF_LDAP_PROXY_UPSTREAM_BASE,
JAMF_LDAP_PROXY_LOG_LEVEL, and so on.

Exit codes: 0 ended by a signal, 1 failed while running, 2 wrong configuration.`,
		Example: "  jamf-ldap-proxy serve --config /etc/jamf-ldap-proxy/config.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			exposed := guardMemory(dumps) // before the first password is read
			load := func() (config.Config, error) {
				cfg, err := loadConfig(file)
				cfg.Warnings = append(cfg.Warnings, exposed...)
				return cfg, err
			}
			return serve(cmd.Context(), load, newOutput(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (YAML)")
	cmd.Flags().BoolVar(&dumps, "allow-core-dumps", false, "for debugging: let core files and other processes of this user have the memory, passwords included")
	return cmd
}

// guardMemory returns a warning when the memory is not protected.
func guardMemory(dumps bool) (warnings []string) {
	if dumps {
		return []string{"core files and other processes of this user may read passwords (--allow-core-dumps): for debugging only"}
	}
	if err := protectMemory(); err != nil {
		return []string{err.Error() + "; core files and other processes of this user may read passwords"}
	}
	return nil
}

func loadConfig(file string) (config.Config, error) {
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return cfg, &usageError{err: err}
	}
	cfg.File = file
	return cfg, nil
}

// serve runs the service until ctx ends or a listener fails. SIGHUP reloads what load
// returns; those that come during a reload are one more.
func serve(ctx context.Context, load func() (config.Config, error), out output) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // from the start, or one would end the process
	defer signal.Stop(hangup)
	cfg, err := load()
	if err != nil {
		return err
	}
	svc, err := startService(cfg, out, inheritSockets())
	if err != nil {
		return err
	}
	for {
		select {
		case <-hangup:
			svc.reloading(func() { svc.reload(load) })
		case err := <-svc.failed:
			return errors.Join(err, svc.stop())
		case <-ctx.Done():
			return svc.stop()
		}
	}
}
