package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/proxy"
)

// healthAtMost is how long all questions together may take.
const healthAtMost = 3 * time.Second

type healthOptions struct {
	config, address, web string
	ldaps                bool
}

func newHealthCommand() *cobra.Command {
	var o healthOptions
	cmd := &cobra.Command{
		Use:   "health [--config FILE | --address HOST:PORT | --web URL]",
		Short: "Ask a running proxy on this machine whether it answers",
		Long: `Ask the first listener of the configuration for the rootDSE, and /readyz if there
is a web address; print one line. For health checks of containers: it needs no
other program, no secret, and takes 3 seconds at most.

It asks about life, not about trust: no certificate is verified.

Exit codes: 0 it answers and is ready, 1 it does not, 2 wrong use.`,
		Example: `  jamf-ldap-proxy health --config /etc/jamf-ldap-proxy/config.yaml
  jamf-ldap-proxy health --address 127.0.0.1:1389`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), healthAtMost)
			defer cancel()
			line, err := checkHealth(ctx, o)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML) of the proxy")
	f.StringVar(&o.address, "address", "", "host:port of an LDAP listener, in place of a configuration")
	f.BoolVar(&o.ldaps, "ldaps", false, "the listener of --address speaks LDAPS")
	f.StringVar(&o.web, "web", "", "URL of the web address, e.g. http://127.0.0.1:8389")
	return cmd
}

// checkHealth returns the line to print, or why the proxy is not well.
func checkHealth(ctx context.Context, o healthOptions) (string, error) {
	switch {
	case o.config != "" && (o.address != "" || o.web != ""):
		return "", &usageError{errors.New("--config says already whom to ask"), "either --config, or --address and --web"}
	case o.address == "" && o.web == "":
		cfg, err := loadConfig(o.config)
		if err != nil {
			return "", err
		}
		o = healthOf(cfg)
	}
	var well []string
	if o.address != "" {
		if err := askListener(ctx, o.address, o.ldaps); err != nil {
			return "", fmt.Errorf("asking %s for the rootDSE: %w", o.address, err)
		}
		well = append(well, o.address+" answers")
	}
	if o.web != "" {
		if err := askReadiness(ctx, o.web); err != nil {
			return "", fmt.Errorf("asking %s: %w", o.web, err)
		}
		well = append(well, "ready")
	}
	return strings.Join(well, ", "), nil
}

// healthOf is what there is to ask of a proxy with that configuration.
func healthOf(cfg config.Config) (o healthOptions) {
	if l := easiest(cfg.Listeners); l != nil {
		o.address, o.ldaps = reachable(l.Address), l.Protocol == "ldaps"
	}
	if address := cfg.Web.Address; address != "" {
		o.web = "http://" + reachable(address)
		if cfg.Web.TLS.Certificate != "" {
			o.web = "https://" + reachable(address)
		}
	}
	return o
}

// easiest is the first listener that wants no certificate of who connects.
func easiest(listeners []proxy.ListenerConfig) *proxy.ListenerConfig {
	for i, l := range listeners {
		if l.TLS.ClientCA == "" || l.Protocol != "ldaps" {
			return &listeners[i]
		}
	}
	return nil
}

func askListener(ctx context.Context, address string, ldaps bool) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if ldaps {
		conn = tls.Client(conn, unverified())
	}
	return askRootDSE(ctx, conn)
}

// unverified is for asking whether somebody answers; nothing secret is sent.
func unverified() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // see above

// askRootDSE asks for the rootDSE and waits for the answer. A notice that there are too
// many connections is one, too: who says so lives.
func askRootDSE(ctx context.Context, conn net.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	question := ldap.AppendSearchRequest(nil, &ldap.SearchRequest{
		Scope: ldap.ScopeBase, Filter: ldap.Present("objectClass"), Attributes: []string{ldap.NoAttributes},
	})
	if _, err := conn.Write(ldap.AppendOperation(nil, 1, ldap.OpSearchRequest, question, nil)); err != nil {
		return err
	}
	const limit = 64 << 10
	answers := ldap.NewFramer(conn)
	for {
		frame, err := answers.Next(limit, nil)
		if err != nil {
			return err
		}
		m, err := ldap.ParseMessage(frame)
		if err != nil {
			return err
		}
		switch m.Op {
		case ldap.OpSearchResultDone:
			return resultOf(&m)
		case ldap.OpExtendedResponse:
			return nil
		}
	}
}

func resultOf(m *ldap.Message) error {
	res, _, err := ldap.DecodeResult(m.Body)
	if err == nil && res.Code != ldap.Success {
		err = fmt.Errorf("%v %s", res.Code, res.Diagnostic)
	}
	return err
}

// askReadiness asks /readyz.
func askReadiness(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/readyz", nil)
	if err != nil {
		return &usageError{err: err}
	}
	transport := &http.Transport{TLSClientConfig: unverified(), DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
	return errors.New("not ready: " + strings.TrimSpace(string(text)))
}
