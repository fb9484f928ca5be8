package certs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Target is a server whose certificates are wanted.
type Target struct {
	Address  string // host:port
	Name     string // expected in the certificate, and sent as SNI
	StartTLS bool   // LDAP comes first, and is asked to switch to TLS
}

// targetExample is what a target looks like, for messages.
const targetExample = "ldap.jumpcloud.com, HOST:PORT, ldaps://HOST:PORT, or ldap://HOST:PORT for StartTLS"

// zone is what an IPv6 address may have for one here: the name of an interface.
var zone = regexp.MustCompile(`^[\w.-]*$`)

// ParseTarget reads HOST, HOST:PORT or ldaps://HOST:PORT, which speak TLS from
// the first byte, or ldap://HOST:PORT, which switches to it with StartTLS. The
// ports are 636 and 389 when left out. Its errors are of type *Error, and never repeat
// the user part of a URL, where a password might stand.
func ParseTarget(text string) (Target, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is6() {
		text = "[" + strings.Replace(text, "%", "%25", 1) + "]" // a zone, RFC 6874
	}
	if !strings.Contains(text, "://") {
		text = "ldaps://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return Target{}, &Error{errors.New("that is not the address of a server"), targetExample}
	}
	t := Target{Name: u.Hostname(), StartTLS: u.Scheme == "ldap"}
	port := u.Port()
	switch {
	case port != "":
	case t.StartTLS:
		port = "389"
	default:
		port = "636"
	}
	t.Address = net.JoinHostPort(t.Name, port)
	number, err := strconv.ParseUint(port, 10, 16)
	addr, addrErr := netip.ParseAddr(t.Name)
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return Target{}, &Error{fmt.Errorf("scheme %q is neither ldap nor ldaps", u.Scheme), targetExample}
	case t.Name == "":
		return Target{}, &Error{fmt.Errorf("%q names no host", u.Redacted()), targetExample}
	case strings.ContainsAny(t.Name, `:[]<>"%`) && (addrErr != nil || !zone.MatchString(addr.Zone())):
		return Target{}, &Error{fmt.Errorf("%q is neither a name nor an IPv6 address", t.Name), targetExample}
	case err != nil || number == 0:
		return Target{}, &Error{fmt.Errorf("port %q is not between 1 and 65535", port), targetExample}
	case u.User != nil:
		return Target{}, &Error{errors.New("a user has no place in the address of a server"), targetExample}
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return Target{}, &Error{fmt.Errorf("%q has more than a host and a port", text), targetExample}
	}
	return t, nil
}

// String is the target as a URL.
func (t Target) String() string {
	u := url.URL{Scheme: "ldaps", Host: t.Address}
	if t.StartTLS {
		u.Scheme = "ldap"
	}
	return u.String()
}
