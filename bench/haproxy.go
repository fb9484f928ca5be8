package main

import (
	"fmt"
	"strings"
)

// startHAProxy runs HAProxy as a TCP relay: it looks into nothing, which is
// the least that anything in between can cost. It can end and begin TLS. Of
// several servers the one with the fewest connections gets the next.
func (s *site) startHAProxy(name string, ups ...upstream) (*process, error) {
	var servers strings.Builder
	for i, up := range ups {
		fmt.Fprintf(&servers, "  server up%d %s", i, up.address)
		if up.secure {
			servers.WriteString(" ssl verify required ca-file " + s.certs.ca + " verifyhost localhost no-ssl-reuse")
		}
		servers.WriteByte('\n')
	}
	return s.start("haproxy", func(plain, secure string) ([]string, error) {
		file, err := s.write(name+".cfg", fmt.Sprintf(`global
  maxconn %d
defaults
  mode tcp
  timeout connect 5s
  timeout client 30m
  timeout server 30m
  maxconn %d
  balance leastconn
listen plain
  bind 127.0.0.1:%s
%slisten secure
  bind 127.0.0.1:%s ssl crt %s
%s`, s.maxConns, s.maxConns, plain, servers.String(), secure, s.certs.both, servers.String()))
		return []string{"-db", "-f", file}, err
	})
}
