package certs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// hostNames are the names of one certificate: what clients may connect by.
type hostNames struct {
	dns []string
	ips []net.IP
}

// first is the name that stands for all.
func (n hostNames) first() string {
	if len(n.dns) > 0 {
		return n.dns[0]
	}
	return n.ips[0].String()
}

// label is one part of a host name, RFC 1123 section 2.1. The underscore that
// some networks use is refused by Java.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// parseNames reads host names and IP addresses. All mistakes are reported
// together.
func parseNames(texts []string) (hostNames, error) {
	var (
		names  hostNames
		failed error
		seen   = map[string]bool{}
	)
	for _, text := range texts {
		name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
		addr, err := netip.ParseAddr(name)
		isIP := err == nil && addr.Zone() == ""
		if isIP {
			addr = addr.Unmap()
			name = addr.String()
		} else if err := checkHost(name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%q: %w", text, err))
			continue
		}
		switch {
		case seen[name]:
		case isIP:
			names.ips = append(names.ips, addr.AsSlice())
		default:
			names.dns = append(names.dns, name)
		}
		seen[name] = true
	}
	if failed != nil {
		return names, &Error{failed, "write host names and addresses as Jamf will: proxy.example.com,10.0.0.5"}
	}
	return names, nil
}

func checkHost(name string) error {
	switch {
	case name == "":
		return errors.New("a name is empty")
	case strings.Contains(name, "://"), strings.Contains(name, "/"):
		return errors.New("is not a host name alone: leave out what stands before and behind it")
	case strings.Contains(name, ":"):
		return errors.New("is not a host name alone: leave out the port")
	case strings.Contains(name, "*"):
		return errors.New("stands for many names: name each server")
	case strings.IndexFunc(name, func(r rune) bool { return r > 0x7e }) >= 0:
		return errors.New("has letters that DNS does not know: write its form that begins with xn--")
	case len(name) > 253:
		return errors.New("is longer than 253 characters")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return errors.New("is not a host name: letters, digits and hyphens, parts joined by dots")
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return errors.New("is not an address, and no host name ends in a number")
	}
	return nil
}
