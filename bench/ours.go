package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"jamf-ldap-proxy/internal/directory"
)

// variant is a configuration of jamf-ldap-proxy.
type variant struct {
	mode      string // of groups
	warm      int    // spare upstream connections
	cacheTTL  string // of answers; "" is off
	cacheBind bool   // the service account's bind too
	page      bool   // with its metrics
	journal   bool
}

var (
	offMode   = variant{mode: "off"}
	posixMode = variant{mode: "posix"}
	mergeMode = variant{mode: "merge"}
	cached    = variant{mode: "posix", cacheTTL: "10m"}
)

// startOurs runs the proxy. The keys of a feature that this version has not
// make it refuse to start: errNotBuilt.
func (s *site) startOurs(name string, up upstream, v variant) (*process, error) {
	p, err := s.start(s.binary, func(plain, secure string) ([]string, error) {
		text, err := s.configuration(plain, secure, up, v)
		if err != nil {
			return nil, err
		}
		file, err := s.write(name+".yaml", text)
		return []string{"serve", "--config", file}, err
	})
	if errors.Is(err, errEnded) && (v.warm > 0 || v.cacheTTL != "" || v.cacheBind || v.journal) {
		return nil, fmt.Errorf("%w: %s", errNotBuilt, v.features())
	}
	return p, err
}

var errNotBuilt = errors.New("not in this version")

func (v variant) features() string {
	var names []string
	if v.warm > 0 {
		names = append(names, "upstream.warm")
	}
	if v.cacheTTL != "" {
		names = append(names, "cache.ttl")
	}
	if v.cacheBind {
		names = append(names, "cache.service_bind_ttl")
	}
	if v.journal {
		names = append(names, "journal.path")
	}
	return strings.Join(names, ", ")
}

func (s *site) configuration(plain, secure string, up upstream, v variant) (string, error) {
	var conf strings.Builder
	fmt.Fprintf(&conf, "listeners:\n  - {address: 127.0.0.1:%s}\n", plain)
	fmt.Fprintf(&conf, "  - {address: 127.0.0.1:%s, protocol: ldaps, tls: {certificate: %s, key: %s}}\n", secure, s.certs.server, s.certs.key)
	fmt.Fprintf(&conf, "upstream:\n  servers: [%q]\n  base: %s\n  tls: {ca: %s}\n", up.url(), directory.SampleBase, s.certs.ca)
	if v.cacheBind {
		secret, err := s.write("service.password", directory.SamplePassword)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&conf, "  service_account: {dn: \"uid=jamf.ldap,%s\", password_file: %s}\n", directory.SampleBase, secret)
	}
	if v.warm > 0 {
		fmt.Fprintf(&conf, "  warm: %d\n", v.warm)
	}
	if v.page {
		fmt.Fprintf(&conf, "web: {address: \"127.0.0.1:0\"}\n")
	} else {
		fmt.Fprintf(&conf, "web: {address: \"off\"}\n")
	}
	if v.journal {
		fmt.Fprintf(&conf, "journal: {path: %s}\n", filepath.Join(s.dir, "lookups.db"))
	}
	fmt.Fprintf(&conf, "log: {format: json}\n")
	fmt.Fprintf(&conf, "limits: {connections: %d, connections_per_address: %d}\n", s.maxConns, s.maxConns)
	if v.cacheTTL != "" || v.cacheBind {
		fmt.Fprintf(&conf, "cache:\n")
		if v.cacheTTL != "" {
			fmt.Fprintf(&conf, "  ttl: %s\n", v.cacheTTL)
		}
		if v.cacheBind {
			fmt.Fprintf(&conf, "  service_bind_ttl: 10m\n")
		}
	}
	fmt.Fprintf(&conf, "groups:\n  mode: %q\n  pairs:\n", v.mode)
	for i := range s.groups {
		fmt.Fprintf(&conf, "  - {legacy: \"Team %04d (Site %d)\", posix: lx%04d, gid: %d}\n", i+1, i%7, i+1, 7001+i)
	}
	return conf.String(), nil
}

// startFar is startOurs for the distant directory. Connections that have served
// once are warm too, so that a version without upstream.warm is measured all the same.
func (s *site) startFar(name string, up upstream, v variant) (*process, error) {
	p, err := s.startOurs(name, up, v)
	if errors.Is(err, errNotBuilt) && v.warm > 0 && (v.cacheBind || v.cacheTTL != "") {
		s.note("upstream.warm is not in this version: measured without")
		v.warm = 0
		return s.startOurs(name, up, v)
	}
	return p, err
}

// binarySize is told in the report because a small machine has to hold it.
func (s *site) binarySize() int64 {
	info, err := os.Stat(s.binary)
	if err != nil {
		return 0
	}
	return info.Size()
}
