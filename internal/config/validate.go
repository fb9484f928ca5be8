package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// validate checks what the values mean and completes the configuration. Values
// that could not be read are skipped: mistake knows their paths.
func (l *loader) validate() {
	l.validateListeners()
	l.validateUpstream()
	l.validateGroups()
	l.validateCache()
	l.validateWeb()
	l.validateJournal()
	l.validateLog()
	l.validateGuards()
	l.validateLimits()
}

// warn notes what works and is still worth a look.
func (l *loader) warn(format string, args ...any) {
	l.cfg.Warnings = append(l.cfg.Warnings, fmt.Sprintf(format, args...))
}

// missing reports a required key that was not given, or given empty.
func (l *loader) missing(path, try string) {
	if l.isExcused(path) {
		return
	}
	message := "is missing"
	if l.at.given(path) {
		message = "is empty"
	}
	if l.name == "" {
		try = "set " + EnvPrefix + variableName(path) + "; in a file, " + try
	}
	l.mistake(path, "", message, try)
}

// isExcused reports whether path, or a section around it, was found misspelled.
func (l *loader) isExcused(path string) bool {
	for p := path; p != ""; p = parent(p) {
		if l.excused[p] {
			return true
		}
	}
	return false
}

// checkAddress checks host:port and returns the host.
func (l *loader) checkAddress(path, address string) (host string, ok bool) {
	example := "write host:port, for example 127.0.0.1:1389"
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		switch {
		case strings.Contains(address, "://"):
			example = "leave out what ends in ://; " + example
		case strings.Count(address, ":") > 1:
			example = "put an IPv6 address in brackets and a port behind it: [::1]:1389"
		case isIP(address):
			example = "add a port: " + address + ":1389"
		}
		l.mistake(path, address, "is not an address with a port", example)
		return "", false
	}
	if strings.ContainsAny(host, " /@%") && !isIP(host) {
		l.mistake(path, address, "is not an address: the host has characters that no host has", example)
		return "", false
	}
	if !isPort(port, 0) {
		l.mistake(path, address, "needs a port number from 1 to 65535 (0: any free one)", example)
		return "", false
	}
	return host, true
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isPort(port string, lowest int) bool {
	n, err := strconv.Atoi(port)
	return err == nil && isDigits(port) && n >= lowest && n <= 65535
}

// isLoopback reports whether only this machine can be reached at host.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
