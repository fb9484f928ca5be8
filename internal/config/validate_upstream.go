package config

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// jumpCloud is the server that most configurations name; examples use it.
const jumpCloud = "ldaps://ldap.jumpcloud.com:636"

func (l *loader) validateUpstream() {
	c := &l.cfg.Upstream
	l.validateServers()
	l.validateBase()
	if c.TLS.CA != "" {
		c.TLS.CA = l.absolute("upstream.tls.ca", c.TLS.CA)
		l.checkCA("upstream.tls.ca", c.TLS.CA, "trust the system's roots")
	}
	l.oneOf("upstream.tls.min_version", c.TLS.MinVersion)
	l.validateServerName(c.TLS.ServerName)
	l.validateServiceAccount()
	l.positive("upstream.connect_timeout", c.ConnectTimeout)
	l.positive("upstream.bind_timeout", c.BindTimeout)
	l.positive("upstream.search_timeout", c.SearchTimeout)
	l.positive("upstream.idle_timeout", c.IdleTimeout)
	l.positive("upstream.lifetime", c.Lifetime)
	if c.MaxPDU <= 0 {
		l.notPositive("upstream.max_pdu", c.MaxPDU.String(), "16MiB")
	}
	l.oneOf("upstream.policy", string(c.Policy))
	l.validateConnections()
	l.validateBindTimeout()
}

// validateConnections checks the numbers of connections against each other.
func (l *loader) validateConnections() {
	c := &l.cfg.Upstream
	switch {
	case l.isBad("upstream.max_connections"):
	case c.MaxConnections <= 0:
		l.notPositive("upstream.max_connections", strconv.Itoa(c.MaxConnections), "128")
	case c.Warm > c.MaxConnections && !l.isBad("upstream.warm"):
		l.mistake("upstream.warm", strconv.Itoa(c.Warm), "is more than upstream.max_connections, "+strconv.Itoa(c.MaxConnections),
			"write the number of logins that begin at the same moment, 4 for example")
	}
	if c.Warm < 0 {
		l.mistake("upstream.warm", strconv.Itoa(c.Warm), "must not be negative", "write 0 to keep no spare connection")
	}
}

const (
	mfaHost         = "ldap-mfa.jumpcloud.com"
	mfaBindTimeout  = 65 * time.Second // JumpCloud gives the user 60 s
	jamfConnectTime = 15 * time.Second // Jamf's default "Connection Timeout", for the bind too
)

// validateBindTimeout gives users the time to confirm on a phone where they are
// asked to, and says what Jamf has to be told about it.
func (l *loader) validateBindTimeout() {
	const path = "upstream.bind_timeout"
	c := &l.cfg.Upstream
	mfa := slices.ContainsFunc(c.Servers, namesMFAHost)
	if mfa && !l.at.given(path) {
		c.BindTimeout = mfaBindTimeout
	}
	if mfa && c.BindTimeout > 0 && c.BindTimeout < mfaBindTimeout {
		l.warn("%s is %s: %s gives a user 60 s to confirm a login on a phone, and who takes longer than that setting cannot log in; try: "+
			"65s, or remove the line", path, shortDuration(c.BindTimeout), mfaHost)
	}
	if c.BindTimeout > jamfConnectTime {
		l.warn("%s is %s, but Jamf gives up a login after 15 s unless told otherwise; try: raise Connection Timeout in Jamf's "+
			"LDAP server to %.0f seconds", path, shortDuration(c.BindTimeout), math.Ceil((c.BindTimeout + c.ConnectTimeout).Seconds()))
	}
}

func namesMFAHost(server string) bool {
	u, err := url.Parse(server)
	return err == nil && strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), mfaHost)
}

func (l *loader) validateServerName(name string) {
	if strings.ContainsAny(name, ":/ @") {
		l.mistake("upstream.tls.server_name", name, "must be a host name alone",
			"write the name that is in the server's certificate, for example ldap.jumpcloud.com")
	}
}

func (l *loader) validateServers() {
	servers := l.cfg.Upstream.Servers
	if len(servers) == 0 {
		l.missing("upstream.servers", fmt.Sprintf("name the directory to ask: servers: [%q]", jumpCloud))
		return
	}
	seen := map[string]int{}
	plain, encrypted := 0, 0
	for i, server := range servers {
		path := item("upstream.servers", i)
		u, ok := l.checkServer(path, server)
		if !ok {
			continue
		}
		if first, twice := seen[strings.ToLower(server)]; twice {
			l.mistake(path, server, fmt.Sprintf("is already upstream.servers[%d]", first), "keep one of the two")
			continue
		}
		seen[strings.ToLower(server)] = i
		if u.Scheme == protocolLDAPS {
			encrypted++
			continue
		}
		plain++
		l.checkPlaintext(path, server, u.Hostname())
	}
	if l.cfg.Upstream.StartTLS && plain == 0 && encrypted == len(servers) {
		l.mistake("upstream.starttls", "true", "has no effect: all upstream.servers are ldaps, which is encrypted from the start",
			"remove starttls, or write the servers as ldap://host:389")
	}
}

// checkPlaintext refuses to send passwords readable over a network unless the
// administrator says so.
func (l *loader) checkPlaintext(path, server, host string) {
	c := l.cfg.Upstream
	if c.StartTLS || c.AllowPlaintext || isLoopback(host) || l.isBad("upstream.starttls") || l.isBad("upstream.allow_plaintext") {
		return
	}
	l.mistake(path, server, "would send passwords unencrypted over the network",
		"use ldaps://, or set upstream.starttls: true, or, to accept it, upstream.allow_plaintext: true")
}

// checkServer checks one LDAP URL.
func (l *loader) checkServer(path, server string) (*url.URL, bool) {
	try := "write ldaps://host:636 or ldap://host:389, for example " + jumpCloud
	if server == "" {
		l.mistake(path, "", "is empty", try)
		return nil, false
	}
	if !strings.Contains(server, "://") {
		if !strings.ContainsAny(server, " /@") {
			try = "put ldaps:// before it: ldaps://" + server
		}
		l.mistake(path, server, "has no scheme", try)
		return nil, false
	}
	u, err := url.Parse(server)
	message := ""
	switch {
	case err != nil:
		message = "is not a URL"
	case u.Scheme != protocolLDAP && u.Scheme != protocolLDAPS:
		message = "is not an LDAP URL"
	case u.User != nil:
		message = "must not carry a user or a password"
		try = "remove it: the proxy binds as the users that Jamf sends"
	case u.Hostname() == "" || strings.ContainsAny(u.Hostname(), " /"):
		message = "names no host"
	case u.Port() != "" && !isPort(u.Port(), 1), strings.HasSuffix(u.Host, ":"):
		message = "has no port from 1 to 65535"
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		message, try = "must end behind the host and port", "move the DN to upstream.base"
	default:
		return u, true
	}
	l.mistake(path, server, message, try)
	return nil, false
}

func (l *loader) validateBase() {
	base := l.cfg.Upstream.Base
	try := "write ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com; JumpCloud's console shows the part from o= as Org DN"
	if strings.TrimSpace(base) == "" {
		l.missing("upstream.base", try)
		return
	}
	if !isDN(base) {
		l.mistake("upstream.base", base, "is not a DN", try)
		return
	}
	l.cfg.Groups.Base = base
}

func isDN(text string) bool {
	dn, err := goldap.ParseDN(text)
	return err == nil && len(dn.RDNs) > 0 && !slices.ContainsFunc(dn.RDNs, hasEmptyType)
}

// hasEmptyType catches "=x" and "ou =x", which go-ldap lets pass.
func hasEmptyType(rdn *goldap.RelativeDN) bool {
	return slices.ContainsFunc(rdn.Attributes, func(a *goldap.AttributeTypeAndValue) bool {
		return !isAttributeName(strings.TrimSpace(a.Type)) || a.Value == ""
	})
}

// positive checks a waiting time; zero would mean "give up at once".
func (l *loader) positive(path string, d time.Duration) {
	if d <= 0 {
		l.notPositive(path, shortDuration(d), "30s")
	}
}

func (l *loader) notPositive(path, value, example string) {
	l.mistake(path, value, "must be more than 0; limits cannot be switched off",
		"write a larger value, for example "+example+", or remove the line to get the default")
}
