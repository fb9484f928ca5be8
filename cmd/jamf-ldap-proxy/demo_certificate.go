package main

import (
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// makeCertificate writes a certificate for this machine into dir, behind it the
// authority that signed it.
func makeCertificate(dir string, valid time.Duration) (certFile, keyFile string, err error) {
	made, err := certs.Create(certs.Request{
		Dir: dir, Names: []string{"localhost", "127.0.0.1", "::1"}, Valid: valid, Now: time.Now(),
	})
	if err != nil {
		return "", "", err
	}
	return made.Path(certs.ServerFile), made.Path(certs.ServerKeyFile), nil
}
