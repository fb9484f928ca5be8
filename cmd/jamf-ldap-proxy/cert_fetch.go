package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/certs"
)

type certFetchOptions struct {
	config, ca, serverName, out string
	timeout                     time.Duration
	pem, asJSON, force          bool
}

func newCertFetchCommand() *cobra.Command {
	var o certFetchOptions
	cmd := &cobra.Command{
		Use:   "fetch (HOST[:PORT] | ldap[s]://HOST[:PORT] | --config FILE)",
		Short: "Show the certificates that a server sends, and whether they can be trusted",
		Long: `Show the certificates that a server sends: whose they are, for which names, for how
long, and whether the proxy, or Jamf, would accept them. HOST and ldaps:// speak
TLS from the first byte (port 636), ldap:// asks for StartTLS (port 389).
With --config all of upstream.servers are asked, and judged by upstream.tls.

On a terminal the certificates are described; elsewhere, or with --pem, they are
printed as PEM, and the verdict goes to standard error. When the last certificate
was signed by a root that is trusted here but was not sent, that root comes too.

Fetching a certificate trusts nobody. Who is in the middle shows his own. Before
you trust what came, compare its SHA-256 with what the server's owner tells you
by another way.

Exit codes: 0 printed, whatever the verdict, 1 no certificate came, 2 wrong use or
configuration.`,
		Example: `  jamf-ldap-proxy cert fetch --config proxy.yaml
  jamf-ldap-proxy cert fetch ldap.jumpcloud.com --out jumpcloud.pem
  jamf-ldap-proxy cert fetch proxy.example.com:1636 --ca certs/ca.pem
  jamf-ldap-proxy cert fetch ldap://dc1.example.com > chain.pem`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return certFetch(cmd.Context(), o, args, newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.ca, "ca", "", "PEM file of trusted roots; default: upstream.tls.ca of the configuration, else this machine's")
	f.StringVar(&o.serverName, "server-name", "", "name expected in the certificate; default: upstream.tls.server_name of the configuration, else the host")
	f.StringVar(&o.out, "out", "", "write the certificates to this file, as PEM")
	f.BoolVar(&o.force, "force", false, "overwrite the file of --out")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "longest wait for a server")
	f.BoolVar(&o.pem, "pem", false, "print PEM on a terminal, too")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("pem", "json")
	return cmd
}

func certFetch(ctx context.Context, o certFetchOptions, args []string, out, notes output) error {
	targets, err := o.targets(args, notes)
	if err != nil {
		return err
	}
	roots, err := certs.LoadRoots(o.ca)
	if err != nil {
		return certUsage(err)
	}
	if err := o.checkOut(); err != nil {
		return err
	}
	reports := make([]certReport, len(targets))
	var failed error
	for i, target := range targets {
		reports[i] = o.report(ctx, target, roots)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		failed = errors.Join(failed, reports[i].err)
	}
	if err := o.save(reports, notes); err != nil {
		return err
	}
	switch {
	case o.asJSON:
		err = printCertJSON(out, reports)
	case o.pem, !out.terminal && o.out == "":
		err = errors.Join(printCertPEM(out, reports), printCertVerdicts(notes, reports))
	default:
		err = printCertText(out, reports)
	}
	return errors.Join(err, failed)
}

// targets finds out whom to ask, and fills in what the configuration says of
// them.
func (o *certFetchOptions) targets(args []string, notes output) ([]certs.Target, error) {
	const help = "jamf-ldap-proxy cert fetch --help"
	switch {
	case len(args) > 1:
		return nil, &usageError{fmt.Errorf("one server at a time, not %s", strings.Join(args, " ")), help}
	case len(args) == 1 && o.config != "":
		return nil, &usageError{fmt.Errorf("%s and --config exclude each other", args[0]), help}
	case len(args) == 0 && o.config == "":
		return nil, &usageError{errors.New("it is not known which server to ask"), "jamf-ldap-proxy cert fetch ldap.jumpcloud.com, or --config FILE"}
	case o.timeout <= 0:
		return nil, &usageError{fmt.Errorf("--timeout %v leaves no time", o.timeout), "--timeout 10s"}
	}
	servers := args
	if o.config != "" {
		cfg, err := loadConfig(o.config)
		if err != nil {
			return nil, err
		}
		for _, warning := range cfg.Warnings {
			fmt.Fprintf(notes, "Warning: %s\n", warning)
		}
		if o.ca == "" {
			o.ca = cfg.Upstream.TLS.CA
		}
		if o.serverName == "" {
			o.serverName = cfg.Upstream.TLS.ServerName
		}
		if servers = encryptedServers(cfg.Upstream.Servers, cfg.Upstream.StartTLS); len(servers) == 0 {
			return nil, &usageError{
				errors.New("upstream.servers are spoken to without TLS, so there is no certificate to fetch"),
				"jamf-ldap-proxy cert fetch " + cfg.Upstream.Servers[0] + " to see whether StartTLS works, and set upstream.starttls",
			}
		}
	}
	var targets []certs.Target
	for _, server := range servers {
		target, err := certs.ParseTarget(server)
		if err != nil {
			return nil, certUsage(err)
		}
		if o.serverName != "" {
			target.Name = o.serverName
		}
		targets = append(targets, target)
	}
	return targets, nil
}

// encryptedServers leaves out those that are spoken to in plain text.
func encryptedServers(servers []string, startTLS bool) (encrypted []string) {
	for _, s := range servers {
		if startTLS || strings.HasPrefix(s, "ldaps:") {
			encrypted = append(encrypted, s)
		}
	}
	return encrypted
}

// checkOut refuses early what save would refuse after the wait.
func (o *certFetchOptions) checkOut() error {
	if _, err := os.Lstat(o.out); o.out == "" || o.force || err != nil {
		return nil
	}
	return &usageError{fmt.Errorf("%s exists", o.out), "another name for --out, or --force to overwrite it"}
}

// save writes the PEM file, unless no server sent anything.
func (o *certFetchOptions) save(reports []certReport, notes output) error {
	var text strings.Builder
	if err := printCertPEM(output{Writer: &text}, reports); o.out == "" || text.Len() == 0 {
		return err
	}
	if err := certs.Save(o.out, []byte(text.String()), 0o644, o.force); err != nil {
		return certUsage(err)
	}
	fmt.Fprintf(notes, "Written to %s.\n", o.out)
	return nil
}

// certReport is what there is to say about one server.
type certReport struct {
	target       certs.Target
	err          error // no certificate came; with advice, as a rule
	version      string
	certificates []certs.Details
	roots        certs.Roots
	verdict      certs.Verdict
	root         *certs.Details // trusted, but not sent
	notes        []string
}

func (o *certFetchOptions) report(ctx context.Context, target certs.Target, roots certs.Roots) certReport {
	r := certReport{target: target, roots: roots}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	chain, err := certs.Fetch(ctx, target)
	if err != nil {
		r.err = certFailure(err)
		return r
	}
	now := time.Now()
	for _, c := range chain.Certificates {
		r.certificates = append(r.certificates, certs.Describe(c, now))
	}
	r.version, r.verdict, r.notes = chain.VersionName(), chain.Judge(roots, now), chain.Notes()
	if r.verdict.Unsent {
		root := certs.Describe(r.verdict.Root, now)
		r.root = &root
	}
	return r
}
