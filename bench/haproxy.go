package main

import "fmt"

// startHAProxy runs HAProxy as a TCP relay: it looks into nothing, which is
// the least that anything in between can cost. It can end and begin TLS.
func (s *site) startHAProxy(name string, up upstream) (*process, error) {
	server := up.address
	if up.secure {
		server += " ssl verify required ca-file " + s.certs.ca + " verifyhost localhost no-ssl-reuse"
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
listen plain
  bind 127.0.0.1:%s
  server up %s
listen secure
  bind 127.0.0.1:%s ssl crt %s
  server up %s
`, s.maxConns, s.maxConns, plain, server, secure, s.certs.both, server))
		return []string{"-db", "-f", file}, err
	})
}
