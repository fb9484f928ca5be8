package certs_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/certs"
)

// FuzzParseTarget: a target is a host and a port, and its own text leads to it
// again; what is none is refused with advice, and never with a password in it.
func FuzzParseTarget(f *testing.F) {
	for _, text := range []string{
		"ldap.jumpcloud.com", "dc1:1636", "ldaps://dc1:1636/", "ldap://[2001:db8::1]", "::1", "fe80::1%eth0", "ldap://[fe80::1%25eth0]:389",
		"", "ldaps://:636", "dc1:99999", "ldap://[x", "https://dc1", "dc1/dc=example", "ldap://dc1?x#y", "x@y", "%41", "ldap://dc1:+1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := certs.ParseTarget(text)
		var mistake *certs.Error
		if err != nil && (!errors.As(err, &mistake) || mistake.Try == "") {
			t.Fatalf("%q: an error without advice: %v", text, err)
		}
		if err == nil {
			host, port, err := net.SplitHostPort(got.Address)
			number, numberErr := strconv.Atoi(port)
			if err != nil || numberErr != nil || host != got.Name || host == "" || number < 1 || number > 65535 {
				t.Fatalf("%q is %+v", text, got)
			}
			if again, err := certs.ParseTarget(got.String()); err != nil || again != got {
				t.Fatalf("%q is %s, which is %+v, %v", text, got, again, err)
			}
		}
		for _, with := range []string{"ldaps://user:geheim@" + text, "user:geheim@" + text} {
			if _, err := certs.ParseTarget(with); err == nil || strings.Contains(err.Error(), "geheim") {
				t.Fatalf("%q: %v", with, err)
			}
		}
	})
}
