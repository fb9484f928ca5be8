package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/jamf"
	"jamf-ldap-proxy/proxy"
)

type jamfSettingsOptions struct {
	config, format, check string
	isDetailed, asJSON    bool
}

func newJamfSettingsCommand() *cobra.Command {
	var o jamfSettingsOptions
	cmd := &cobra.Command{
		Use:   "jamf-settings --config FILE",
		Short: "Print what to type into Jamf, or check what is there",
		Long: `Print every field of an LDAP server in Jamf Pro that fits the configuration, with
its label and the reason; or, as XML, what Jamf's Classic API takes to make it. The
password is a placeholder there.

With --check, compare an LDAP server that was saved from Jamf's Classic API with the
configuration, and name each field that cannot work, why, and what to write instead.

Exit codes: 0 printed, or nothing failed; 1 a field cannot work; 2 wrong use.`,
		Example: `  jamf-ldap-proxy jamf-settings --config proxy.yaml
  jamf-ldap-proxy jamf-settings --config proxy.yaml --format xml > jamf.xml
  jamf-ldap-proxy jamf-settings --config proxy.yaml --check jamf.xml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return jamfSettings(&o, newOutput(cmd.OutOrStdout()), newOutput(cmd.ErrOrStderr()))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "configuration file (YAML)")
	f.StringVar(&o.format, "format", "text", "text, xml or json")
	f.StringVar(&o.check, "check", "", "file with the LDAP server from Jamf's Classic API, to be compared")
	f.BoolVarP(&o.isDetailed, "verbose", "v", false, "say what is ignored in the file of --check")
	f.BoolVar(&o.asJSON, "json", false, "the same as --format json")
	return cmd
}

// settingFormats are the values of --format.
var settingFormats = []string{"text", "xml", "json"}

func jamfSettings(o *jamfSettingsOptions, out, notes output) error {
	const help = "jamf-ldap-proxy jamf-settings --help"
	if o.asJSON {
		o.format = "json"
	}
	switch {
	case !slices.Contains(settingFormats, o.format):
		return &usageError{fmt.Errorf("--format %q: choose text, xml or json", o.format), help}
	case o.check != "" && o.format == "xml":
		return &usageError{errors.New("findings are printed as text or json, not as xml"), help}
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	site := jamfSite(cfg)
	if o.check != "" {
		return o.checkExport(&site, out, notes)
	}
	switch o.format {
	case "xml":
		return jamf.Recommend(&site).WriteXML(out)
	case "json":
		return jamf.Recommend(&site).WriteJSON(out)
	}
	return printSettings(out, jamf.Settings(&site))
}

func (o *jamfSettingsOptions) checkExport(site *jamf.Site, out, notes output) error {
	server, err := readExport(o.check, o.isDetailed, notes)
	if err != nil {
		return err
	}
	findings := jamf.Check(site, server, time.Now())
	if o.format == "json" {
		err = printJSON(out, map[string]any{"server": server.Connection.Name, "worst": jamf.Worst(findings), "findings": findings})
	} else {
		err = printFindings(out, server, findings)
	}
	if n := countLevel(findings, jamf.Fail); n > 0 {
		err = errors.Join(err, fmt.Errorf("%s cannot work", counted(n, "field")))
	}
	return err
}

// jamfSite is the configuration in Jamf's terms.
func jamfSite(cfg config.Config) jamf.Site {
	site := jamf.Site{
		Hostname: "the name of this machine", Base: cfg.Upstream.Base, Account: cfg.Upstream.ServiceAccount.DN,
		Mode: string(cfg.Groups.Mode), LegacyClass: cfg.Groups.LegacyClass,
		StripSuffixes: cfg.Groups.StripSuffixes, StableUUID: cfg.Groups.StableUUID,
		LongestBind: cfg.Upstream.ConnectTimeout + cfg.Upstream.BindTimeout, LongestSearch: cfg.Upstream.SearchTimeout,
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		site.Hostname = name
	}
	for _, server := range cfg.Upstream.Servers {
		if u, err := url.Parse(server); err == nil && !onThisMachine(u.Hostname()) {
			site.Directory = append(site.Directory, u.Hostname())
		}
	}
	for _, l := range cfg.Listeners {
		site.Listeners = append(site.Listeners, jamfListener(l))
	}
	return site
}

func jamfListener(c proxy.ListenerConfig) jamf.Listener {
	l := jamf.Listener{Address: c.Address, LDAPS: c.Protocol == "ldaps", File: c.TLS.Certificate}
	if c.TLS.Certificate != "" {
		l.Certificate, _ = readCertificate(c.TLS.Certificate) // the loader has read it, too
	}
	return l
}

// countLevel counts findings of a level.
func countLevel(findings []jamf.Finding, level jamf.Level) (n int) {
	for _, f := range findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// printSettings writes the fields, section by section.
func printSettings(out output, settings []jamf.Setting) error {
	p := pairPrinter{out: out, paint: newPainter(out)}
	p.printf("In Jamf Pro: Settings > LDAP Servers > New > Configure Manually\n")
	section, width := "", columnsOf(out)
	for _, s := range settings {
		if s.Section != section {
			section = s.Section
			p.printf("\n%s\n", p.paint.bold(section))
		}
		p.setting(s, width)
	}
	return p.err
}

// Columns of a setting. A label or a value that is longer has a line of its own.
const (
	settingLabel = 30
	settingValue = 24
)

func (p *pairPrinter) setting(s jamf.Setting, width int) {
	const value, why = 2 + settingLabel + 2, 2 + settingLabel + 2 + settingValue + 2
	line := "  " + s.Label
	next := func(column int) {
		if n := utf8.RuneCountInString(line); n > column-2 {
			p.printf("%s\n", line)
			line = ""
		}
		line = padded(line, column)
	}
	next(value)
	line += s.Value
	if column := why; width > 0 && column+utf8.RuneCountInString(s.Why) > width {
		p.printf("%s\n", line)
		line = strings.Repeat(" ", value)
	} else {
		next(column)
	}
	p.printf("%s%s\n", line, p.paint.dim(s.Why))
}

// printFindings writes the findings, section by section.
func printFindings(out output, server *jamf.Server, findings []jamf.Finding) error {
	p := pairPrinter{out: out, paint: newPainter(out)}
	p.printf("%s\n", p.paint.bold("LDAP server "+shownName(server.Connection.Name)))
	section := ""
	colour := map[jamf.Level]func(string) string{jamf.OK: p.paint.answer, jamf.Warn: p.paint.hint, jamf.Fail: p.paint.removed}
	for _, f := range findings {
		if f.Section != section {
			section = f.Section
			p.printf("\n%s\n", p.paint.bold(section))
		}
		level := string(f.Level)
		p.printf("  %s%s%s: %s\n", colour[f.Level](level), blanks(statusWidth, level), f.Label, f.Value)
		p.printf("        %s\n", f.Why)
		if f.Try != "" {
			p.printf("        Try: %s\n", f.Try)
		}
	}
	p.printf("\n%s\n", p.paint.bold(fmt.Sprintf("%d ok, %s, %s", countLevel(findings, jamf.OK),
		counted(countLevel(findings, jamf.Warn), "warning"), counted(countLevel(findings, jamf.Fail), "failure"))))
	return p.err
}
