package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/certs"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/doctor"
	"jamf-ldap-proxy/internal/ldap"
)

type doctorOptions struct {
	config, server, base string
	accountOptions
	user, group, jamfHost   string
	jamfConnect, jamfSearch int // seconds, as in Jamf
	asJSON, strict          bool
}

func newDoctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor (--config FILE | --server URL --dn DN)",
		Short: "Find out what does not work between Jamf, the proxy and JumpCloud, and what to do",
		Long: `Check everything that a lookup needs, from the server's name to the group IDs, and,
if the proxy runs on this machine, what Jamf meets there. Each check says what it
saw and what to do, in the words of JumpCloud's console and of Jamf's pages.
Nothing is changed. docs/doctor.md lists the checks.

The directory is asked as upstream.service_account, or as --dn, whose password comes
from --password-file, the variable ` + passwordVariable + ` or a prompt.
Best is the user of "Distinguished Username" in Jamf.

Exit codes: 0 nothing failed, 1 a check failed, 2 wrong use or configuration.`,
		Example: `  jamf-ldap-proxy doctor --config proxy.yaml
  jamf-ldap-proxy doctor --config proxy.yaml --jamf-host proxy.example.com --user jon.snow
  jamf-ldap-proxy doctor --server ldaps://ldap.jumpcloud.com \
    --dn uid=jamf.ldap,ou=Users,o=ORG,dc=jumpcloud,dc=com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), o, cmd.InOrStdin(), newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.server, "server", "", "server in place of upstream.servers: ldaps://HOST, or ldap://HOST for StartTLS")
	f.StringVar(&o.base, "base", "", "DN in place of upstream.base; default with --server: what lies above --dn")
	o.register(f)
	f.StringVar(&o.user, "user", "", "user to look at; default: one that is there")
	f.StringVar(&o.group, "group", "", "group to look at, by its name in the console; default: one that is there")
	f.StringVar(&o.jamfHost, "jamf-host", "", `host in Jamf's "Server and Port", for the certificate`)
	f.IntVar(&o.jamfConnect, "jamf-connection-timeout", 15, `Jamf's "Connection Timeout", in seconds`)
	f.IntVar(&o.jamfSearch, "jamf-search-timeout", 60, `Jamf's "Search Timeout", in seconds`)
	f.BoolVar(&o.strict, "strict", false, "let warnings count as failures")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func runDoctor(ctx context.Context, o doctorOptions, in io.Reader, out, notes output) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(notes, "Warning: %s\n", warning)
	}
	as, err := o.account(ctx, cfg, in, notes)
	if err != nil {
		return err
	}
	defer as.password.Wipe()
	waiting := newSpinner(notes)
	defer waiting.stop()
	p := newDoctorPrinter(out)
	examination := doctor.Options{
		Config: cfg, Account: doctor.Account{DN: as.dn, Password: as.password, Knob: as.knob},
		Proxy: o.config != "" || o.server == "", JamfHost: o.jamfHost, User: o.user, Group: o.group,
		JamfConnectionTimeout: time.Duration(o.jamfConnect) * time.Second,
		JamfSearchTimeout:     time.Duration(o.jamfSearch) * time.Second,
		Begin:                 func(_, title string) { waiting.start(title) },
		End: func(f doctor.Finding) {
			waiting.stop()
			if !o.asJSON {
				p.finding(&f)
			}
		},
	}
	report, err := doctor.Run(ctx, examination)
	waiting.stop()
	switch {
	case err != nil:
		return errors.New("interrupted before all checks were made")
	case o.asJSON:
		err = printDoctorJSON(out, report)
	default:
		err = p.summary(report)
	}
	return errors.Join(err, o.verdict(report))
}

// verdict is the error that makes the exit code 1.
func (o *doctorOptions) verdict(r *doctor.Report) error {
	switch {
	case r.Failures > 0:
		return fmt.Errorf("%s failed", counted(r.Failures, "check"))
	case o.strict && r.Warnings > 0:
		return fmt.Errorf("%s, and --strict lets them count", counted(r.Warnings, "warning"))
	}
	return nil
}

// load reads the configuration, with the flags in place of its keys.
func (o *doctorOptions) load() (config.Config, error) {
	const help = "jamf-ldap-proxy doctor --help"
	if o.jamfConnect <= 0 || o.jamfSearch <= 0 {
		return config.Config{}, &usageError{errors.New("a time-out of Jamf is a number of seconds above 0"), help}
	}
	keys := map[string]string{}
	if o.server != "" {
		server, startTLS, err := serverURL(o.server)
		if err != nil {
			return config.Config{}, err
		}
		keys["UPSTREAM_SERVERS"], keys["UPSTREAM_STARTTLS"] = server, fmt.Sprint(startTLS)
		if dn, err := ldap.ParseDN(o.dn); err == nil && len(dn) > 1 {
			o.base = cmp.Or(o.base, dn.Parent().String())
		}
	}
	if o.base != "" {
		if dn, err := ldap.ParseDN(o.base); err != nil || len(dn) == 0 {
			return config.Config{}, &usageError{fmt.Errorf("--base %q is not a DN", o.base), "--base ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com"}
		}
		keys["UPSTREAM_BASE"] = o.base
	}
	cfg, err := config.Load(o.config, withVariables(os.Environ(), keys))
	if err != nil {
		return cfg, &usageError{err: err}
	}
	cfg.File = o.config
	return cfg, nil
}

// serverURL reads --server. Plain text goes no farther than this machine.
func serverURL(text string) (server string, startTLS bool, err error) {
	target, err := certs.ParseTarget(text)
	if err != nil {
		return "", false, certUsage(fmt.Errorf("--server: %w", err))
	}
	u, err := url.Parse(target.String())
	if err != nil {
		return "", false, &usageError{fmt.Errorf("--server: %w", err), "--server ldaps://ldap.jumpcloud.com"}
	}
	ip, notIP := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || notIP == nil && ip.IsLoopback()
	return target.String(), target.StartTLS && !local, nil
}

// withVariables has the keys as variables of an environment, in place of others.
func withVariables(environ []string, keys map[string]string) []string {
	environ = slices.DeleteFunc(environ, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		_, given := keys[strings.TrimPrefix(name, config.EnvPrefix)]
		return given && strings.HasPrefix(name, config.EnvPrefix)
	})
	for name, value := range keys {
		environ = append(environ, config.EnvPrefix+name+"="+value)
	}
	return environ
}
