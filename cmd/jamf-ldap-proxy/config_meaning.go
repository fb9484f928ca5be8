package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// meaningRow is one part of a configuration in words.
type meaningRow struct {
	name  string
	lines []string
}

// meaning says what a configuration does, for a look before it is used.
func meaning(cfg config.Config) []meaningRow {
	rows := []meaningRow{
		{"listeners", listenersMean(cfg.Listeners)},
		{"servers", cfg.Upstream.Servers},
		{"base", []string{cfg.Upstream.Base}},
		{"groups", groupsMean(cfg)},
		{"cache", []string{cacheMeans(cfg)}},
		{"page", []string{pageMeans(cfg.Web)}},
		{"journal", []string{journalMeans(cfg)}},
		{"log", []string{cfg.Log.Level + ", " + cfg.Log.Format + ", " + cfg.Log.Privacy}},
	}
	if lines := guardsMean(cfg.Guards); len(lines) > 0 {
		rows = append(rows, meaningRow{"guards", lines})
	}
	return rows
}

// guardsMean says nothing of what is as it is without the section.
func guardsMean(c proxy.GuardsConfig) (lines []string) {
	if len(c.Bases) > 0 {
		lines = append(lines, "searches only at or below "+strings.Join(c.Bases, " or "))
	}
	if len(c.BindDNs) > 0 {
		lines = append(lines, "logins only as "+strings.Join(c.BindDNs, " or "))
	}
	if !c.StripJava {
		lines = append(lines, "Java objects in entries are passed on")
	}
	return lines
}

func listenersMean(listeners []proxy.ListenerConfig) []string {
	var lines []string
	for _, l := range listeners {
		line := l.Protocol + "://" + l.Address
		if l.Protocol == "ldap" && l.TLS.Certificate != "" {
			line += ", StartTLS offered"
		}
		switch {
		case l.TLS.ClientCA != "":
			line += ", certificates of clients required"
		case l.RequireTLS && l.Protocol == "ldap":
			line += ", no login without TLS"
		}
		if len(l.ProxyProtocol.From) > 0 {
			line += ", PROXY header from " + joined(l.ProxyProtocol.From)
		}
		if len(l.Allow) > 0 {
			line += ", only from " + joined(l.Allow)
		}
		lines = append(lines, line)
	}
	return lines
}

func joined(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, network := range networks {
		texts[i] = network.String()
	}
	return strings.Join(texts, ", ")
}

func groupsMean(cfg config.Config) []string {
	c := cfg.Groups
	if c.Mode == rewrite.ModeOff {
		return []string{"mode off: requests are only forwarded"}
	}
	lines := []string{fmt.Sprintf("mode %s, %s in the file", c.Mode, counted(len(c.Pairs), "pair"))}
	if c.Discover.Enabled {
		lines = append(lines, fmt.Sprintf("pairs are discovered every %s as %s", shortTime(c.Discover.Every), cfg.Upstream.ServiceAccount.DN))
	}
	return lines
}

func cacheMeans(cfg config.Config) string {
	c := cfg.Cache
	var kept []string
	if c.TTL > 0 {
		kept = append(kept, "answers "+shortTime(c.TTL))
	}
	if c.NegativeTTL > 0 {
		kept = append(kept, "empty ones "+shortTime(c.NegativeTTL))
	}
	if c.Stale > 0 {
		kept = append(kept, shortTime(c.Stale)+" more while the directory fails")
	}
	if c.ServiceBindTTL > 0 {
		kept = append(kept, "binds of the service account "+shortTime(c.ServiceBindTTL))
	}
	if len(kept) == 0 {
		return "off"
	}
	return strings.Join(kept, ", ") + "; at most " + c.MaxBytes.String()
}

func pageMeans(c config.WebConfig) string {
	if c.Address == "" {
		return "off"
	}
	scheme, readers := "http", "anybody on this machine" // the loader asks for more elsewhere
	if c.TLS.Certificate != "" {
		scheme = "https"
	}
	switch {
	case c.UsersFile != "" && c.TokenFile != "":
		readers = "the users of web.users_file, and programs with the token"
	case c.UsersFile != "":
		readers = "the users of web.users_file"
	case c.TokenFile != "":
		readers = "programs with the token"
	}
	return scheme + "://" + c.Address + ", for " + readers
}

func journalMeans(cfg config.Config) string {
	c := cfg.Journal
	if c.Path == "" {
		return "off"
	}
	return fmt.Sprintf("%s, kept for %s, at most %s", c.Path, shortTime(c.Keep), c.MaxBytes)
}

// shortTime writes 15m where time.Duration writes 15m0s.
func shortTime(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if len(s) < len(d.String()) {
		s += "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}
