package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/certs"
)

type certCreateOptions struct {
	hosts, ips         []string
	days               int
	dir                string
	rsa, force, asJSON bool
}

func newCertCreateCommand() *cobra.Command {
	var o certCreateOptions
	cmd := &cobra.Command{
		Use:   "create --host NAME[,NAME...] [--ip ADDRESS,...] [--dir DIR]",
		Short: "Make a certificate for the listener that Jamf connects to",
		Long: `Make a certificate and its key for the listener that Jamf connects to (proxy.pem,
proxy.key), signed by a small authority in the same folder (ca.pem, ca.key), which
is made when there is none. Jamf has to trust ca.pem, once.

A name is what Jamf has as the server's name, letter by letter; addresses may stand
among the names. With --force the certificate is renewed: the authority stays, so
that Jamf goes on trusting, the old files stay with .bak behind their names, and
without --host the names are those of before. A running proxy notices by itself.

Exit codes: 0 made, 1 failed while writing, 2 wrong use.`,
		Example: `  jamf-ldap-proxy cert create --host proxy.example.com --dir certs
  jamf-ldap-proxy cert create --host proxy.example.com,proxy --ip 10.0.0.5 --dir certs
  jamf-ldap-proxy cert create --force --dir certs`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return certCreate(o, newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.hosts, "host", nil, "names that Jamf connects to")
	f.StringSliceVar(&o.ips, "ip", nil, "addresses that Jamf connects to")
	f.IntVar(&o.days, "days", certs.DefaultDays, fmt.Sprintf("days until the certificate ends, at most %d", certs.MaxDays))
	f.StringVar(&o.dir, "dir", ".", "folder for the files")
	f.BoolVar(&o.rsa, "rsa", false, "RSA keys, for clients that do not know ECDSA")
	f.BoolVar(&o.force, "force", false, "renew a certificate that is there")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func certCreate(o certCreateOptions, out, notes output) error {
	if o.days < 1 || o.days > certs.MaxDays {
		return &usageError{
			fmt.Errorf("--days %d: a certificate is valid for 1 to %d days; Apple's systems refuse longer ones", o.days, certs.MaxDays),
			fmt.Sprintf("--days %d", certs.DefaultDays),
		}
	}
	for _, ip := range o.ips {
		if _, err := netip.ParseAddr(ip); err != nil {
			return &usageError{fmt.Errorf("--ip %q is not an address", ip), "--ip 10.0.0.5, and --host for names"}
		}
	}
	made, err := certs.Create(certs.Request{
		Dir: o.dir, Names: append(o.hosts, o.ips...), Valid: time.Duration(o.days) * 24 * time.Hour,
		RSA: o.rsa, Force: o.force, Now: time.Now(),
	})
	if err != nil {
		return certUsage(err)
	}
	if o.asJSON {
		return printMadeJSON(out, made)
	}
	return errors.Join(printMade(out, made), printWarnings(notes, made.Warnings))
}

func printWarnings(notes output, warnings []string) error {
	for _, w := range warnings {
		if _, err := fmt.Fprintf(notes, "%s %s\n", newPainter(notes).hint("Warning:"), w); err != nil {
			return err
		}
	}
	return nil
}
