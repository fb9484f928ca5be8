package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

type demoOptions struct {
	ldap, ldaps, web, directory string
	once                        bool
}

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run directory and proxy on this machine, with commands to paste",
		Long: `Run an embedded directory with the shape of JumpCloud's, the proxy before it, and
print three lookups to paste with the answers they give. Nothing leaves this
machine. Ends with Ctrl-C.`,
		Example: `  jamf-ldap-proxy demo
  jamf-ldap-proxy demo --ldap 127.0.0.1:3890 --ldaps 127.0.0.1:3636`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), o, newOutput(cmd.OutOrStdout()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.ldap, "ldap", "127.0.0.1:1389", "address of the proxy for ldap://")
	f.StringVar(&o.ldaps, "ldaps", "127.0.0.1:1636", "address of the proxy for ldaps://")
	f.StringVar(&o.web, "web", "127.0.0.1:8389", "address of the page, /metrics, /healthz and /readyz")
	f.StringVar(&o.directory, "directory", "127.0.0.1:0", "address of the sample directory, for other programs to ask it")
	f.BoolVar(&o.once, "once", false, "print the lookups and their answers, then end")
	return cmd
}

// samplePairs name both entries of each group in the embedded directory, as an
// administrator would write them into the configuration.
var samplePairs = []rewrite.PairConfig{
	{Legacy: "gameOfThrones", Posix: "got", GID: 7001},
	{Legacy: "breakingBad", Posix: "bb", GID: 7002},
	{Legacy: "Heisenberg Crew", Posix: "crew", GID: 7003},
	{Legacy: "Los Pollos Hermanos", Posix: "lospolloshermanos", GID: 7004},
	{Legacy: "Night's Watch (Wall)", Posix: "nightswatch", GID: 7005},
	{Legacy: "Everyone", Posix: "everyone_lx", GID: 7006},
}

func demo(ctx context.Context, o demoOptions, out output) error {
	if err := checkPorts(o); err != nil {
		return err
	}
	dir, err := directory.New(directory.Config{})
	if err != nil {
		return fmt.Errorf("loading the sample directory: %w", err)
	}
	defer dir.Close()
	if err := dir.Listen(o.directory); err != nil {
		return fmt.Errorf("starting the sample directory: %w", err)
	}
	tmp, err := os.MkdirTemp("", "jamf-ldap-proxy-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the certificate: %w", err)
	}
	defer os.RemoveAll(tmp)
	certFile, keyFile, err := makeCertificate(tmp, 30*24*time.Hour)
	if err != nil {
		return err
	}
	cfg := demoConfig(o, reachable(dir.Addr()), certFile, keyFile, filepath.Join(tmp, "lookups.db"))
	log := &gate{to: out}
	svc, err := startService(cfg, output{log, out.terminal}, nil)
	if err != nil {
		return err
	}
	err = showDemo(ctx, out, svc, certFile)
	if err == nil && !o.once {
		fmt.Fprintf(out, "\nEvery lookup shows below as it happens, and on http://%s. Ctrl-C ends the demo.\n\n", svc.webAddr)
		log.open.Store(true)
		select {
		case <-ctx.Done():
		case err = <-svc.failed:
		}
	}
	return errors.Join(err, svc.stop())
}

// gate holds the log back while the demo explains itself.
type gate struct {
	to   io.Writer
	open atomic.Bool
}

func (g *gate) Write(p []byte) (int, error) {
	if !g.open.Load() {
		return len(p), nil
	}
	return g.to.Write(p)
}

func demoConfig(o demoOptions, upstream, certFile, keyFile, journal string) config.Config {
	cfg := config.Default()
	files := proxy.ListenerTLS{Certificate: certFile, Key: keyFile}
	cfg.Listeners = []proxy.ListenerConfig{
		{Address: o.ldap, Protocol: "ldap", TLS: files},
		{Address: o.ldaps, Protocol: "ldaps", TLS: files},
	}
	cfg.Upstream.Servers = []string{"ldap://" + upstream}
	cfg.Upstream.Base, cfg.Groups.Base = directory.SampleBase, directory.SampleBase
	cfg.Groups.Pairs = samplePairs
	cfg.Groups.Discover.Enabled = true // for the page: which groups have no pair, and why
	cfg.Upstream.ServiceAccount.DN = demoBindDN
	cfg.Upstream.ServiceAccount.Password = secret.New([]byte(directory.SamplePassword))
	cfg.Web.Address = o.web
	cfg.Journal.Path = journal
	cfg.Limits.Drain = 3 * time.Second
	return cfg
}

// checkPorts says which flag moves a port that is taken, for all of them
// before anything starts.
func checkPorts(o demoOptions) error {
	var problems []error
	for _, p := range []struct{ flag, address string }{{"--ldap", o.ldap}, {"--ldaps", o.ldaps}, {"--web", o.web}, {"--directory", o.directory}} {
		l, err := net.Listen("tcp", p.address)
		switch {
		case err == nil:
			_ = l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			problems = append(problems, fmt.Errorf("%s is in use by another program; choose another with %s 127.0.0.1:PORT", p.address, p.flag))
		default:
			problems = append(problems, fmt.Errorf("opening %s (%s): %w", p.address, p.flag, err))
		}
	}
	if len(problems) > 0 {
		return &usageError{err: errors.Join(problems...), try: "jamf-ldap-proxy demo --help"}
	}
	return nil
}
