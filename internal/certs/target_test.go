package certs_test

import (
	"errors"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/certs"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]certs.Target{
		"ldap.jumpcloud.com":          {Address: "ldap.jumpcloud.com:636", Name: "ldap.jumpcloud.com"},
		"dc1:1636":                    {Address: "dc1:1636", Name: "dc1"},
		"ldaps://dc1":                 {Address: "dc1:636", Name: "dc1"},
		"ldaps://dc1:1636/":           {Address: "dc1:1636", Name: "dc1"},
		"ldap://dc1":                  {Address: "dc1:389", Name: "dc1", StartTLS: true},
		"ldap://127.0.0.1:1389":       {Address: "127.0.0.1:1389", Name: "127.0.0.1", StartTLS: true},
		"::1":                         {Address: "[::1]:636", Name: "::1"},
		"[2001:db8::1]:1636":          {Address: "[2001:db8::1]:1636", Name: "2001:db8::1"},
		"ldap://[2001:db8::1]":        {Address: "[2001:db8::1]:389", Name: "2001:db8::1", StartTLS: true},
		"LDAPS://ldap.jumpcloud.com/": {Address: "ldap.jumpcloud.com:636", Name: "ldap.jumpcloud.com"},
	} {
		got, err := certs.ParseTarget(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again, err := certs.ParseTarget(got.String())
		if err != nil || again != want {
			t.Errorf("%s becomes %s, which is %+v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"https://dc1":           `"https" is neither`,
		"":                      "names no host",
		"ldaps://:636":          "names no host",
		"dc1:99999":             `"99999"`,
		"dc1:0":                 `"0"`,
		"dc1:ldap":              "not the address",
		"ldap://[x":             "not the address",
		"ldap://u:geheim@dc1":   "a user has no place",
		"dc1/dc=example":        "more than a host and a port",
		"ldaps://u:geheim@:636": "names no host",
	} {
		_, err := certs.ParseTarget(text)
		var mistake *certs.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) || mistake.Try == "" || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
