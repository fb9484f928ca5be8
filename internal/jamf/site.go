package jamf

import (
	"crypto/x509"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// Site is what Jamf has to know of a proxy, or not to contradict: its
// configuration in Jamf's terms.
type Site struct {
	Listeners []Listener
	Hostname  string // of this machine, for listeners on all of its networks
	Base      string // upstream.base
	Directory []string
	Account   string // DN of upstream.service_account, or ""

	Mode          string // off, posix or merge
	LegacyClass   string // groupOfNames or groupOfUniqueNames
	StripSuffixes []string
	StableUUID    bool

	// The longest waits of the proxy: connecting and binding together, and searching.
	LongestBind, LongestSearch time.Duration
}

// Listener is an address of the proxy.
type Listener struct {
	Address     string // host:port
	LDAPS       bool
	Certificate *x509.Certificate // its own, without the chain; nil for none
	File        string            // of the certificate
}

// The values of Site.Mode.
const (
	ModeOff   = "off"
	ModePosix = "posix"
	ModeMerge = "merge"
)

// preferred is the listener that Jamf should use: with TLS, if there is one.
func (s *Site) preferred() Listener {
	for _, l := range s.Listeners {
		if l.LDAPS {
			return l
		}
	}
	if len(s.Listeners) > 0 {
		return s.Listeners[0]
	}
	return Listener{Address: "127.0.0.1:1389"}
}

func (l *Listener) split() (host string, port int) {
	host, text, _ := net.SplitHostPort(l.Address)
	port, _ = strconv.Atoi(text)
	return host, port
}

// isLocal tells whether only this machine reaches it.
func (l *Listener) isLocal() bool {
	host, _ := l.split()
	return isThisMachine(host)
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// nameIn is the host name that Jamf has to use with a listener: one that is in its
// certificate, if it has one.
func (s *Site) nameIn(l Listener) string {
	host, _ := l.split()
	if c := l.Certificate; l.LDAPS && c != nil {
		switch {
		case len(c.DNSNames) > 0:
			return c.DNSNames[0]
		case len(c.IPAddresses) > 0:
			return c.IPAddresses[0].String()
		}
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return s.Hostname
	}
	return host
}

// memberAttribute is where a group of the legacy class has its members.
func (s *Site) memberAttribute() string {
	if strings.EqualFold(s.LegacyClass, "groupOfUniqueNames") {
		return "uniqueMember"
	}
	return "member"
}

// bridges tells whether groups are answered in the vocabulary of the console.
func (s *Site) bridges() bool { return s.Mode != ModeOff }

// seconds rounds up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

func (s *Site) account() string {
	if s.Account != "" {
		return s.Account
	}
	return "uid=jamf.ldap," + s.Base
}

// below tells how dn lies to the users base.
func (s *Site) below(dn string) (inside, above, valid bool) {
	d, err := ldap.ParseDN(dn)
	base, errBase := ldap.ParseDN(s.Base)
	if err != nil || errBase != nil || len(d) == 0 {
		return false, false, false
	}
	return d.Below(base), base.Below(d), true
}
