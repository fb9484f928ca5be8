package main

import (
	"crypto/x509"
	"encoding/json"
	"net"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// printMade says what there is now, and what to do with it.
func printMade(out output, m *certs.Made) error {
	p := certPrinter{out: out, paint: newPainter(out)}
	ends := func(c *x509.Certificate) string { return "until " + c.NotAfter.UTC().Format(time.DateOnly) }
	names := certs.Describe(m.Server, time.Now()).Names

	p.printf("%s\n", p.paint.bold("In "+m.Dir))
	p.printf("  ca.pem     the authority that Jamf has to trust, %s\n", ends(m.Authority))
	if m.NewAuthority {
		p.printf("  ca.key     its key, needed to renew and for nothing else\n")
	}
	p.printf("  proxy.pem  the certificate for %s, %s\n", strings.Join(names, ", "), ends(m.Server))
	p.printf("  proxy.key  its key\n")
	if m.Renewed {
		p.printf("\nThe files before have .bak behind their names. A running proxy takes the new ones by itself.\n")
	}
	if m.NewAuthority || !m.Renewed {
		p.whatToDo(m, names[0])
	} else {
		p.printf("\nThe authority is the one of before: there is nothing to do in Jamf if it trusts ca.pem already.\n")
	}
	p.printf("\n%s\n", p.paint.bold("To renew, before "+m.Server.NotAfter.UTC().Format(time.DateOnly)))
	p.printf("  jamf-ldap-proxy cert create --force --dir %s\n", shellWord(m.Dir))
	return p.err
}

// whatToDo is for a first certificate, or an authority that nobody trusts yet.
func (p *certPrinter) whatToDo(m *certs.Made, name string) {
	p.printf("\n%s\n", p.paint.bold("In proxy.yaml"))
	p.printf("  listeners:\n    - address: 0.0.0.0:1636\n      protocol: ldaps\n      tls:\n        certificate: %s\n        key: %s\n",
		yamlText(m.Path(certs.ServerFile)), yamlText(m.Path(certs.ServerKeyFile)))
	p.printf("\n%s\n", p.paint.bold("In Jamf Pro, Settings > LDAP Servers"))
	p.printf("  Server and Port  %s, 1636\n", name)
	p.printf("  Use SSL          ticked; upload ca.pem\n")
	p.printf("\n%s\n", p.paint.bold("To check, once the proxy runs"))
	p.printf("  jamf-ldap-proxy cert fetch %s --ca %s\n", net.JoinHostPort(name, "1636"), shellWord(m.Path(certs.AuthorityFile)))
}

// shellWord quotes text for a shell, if it has to be.
func shellWord(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// The JSON form is for programs: names may be added, none changes its meaning.
type (
	jsonMade struct {
		Authority jsonMadeFile `json:"authority"`
		Server    jsonMadeFile `json:"server"`
		Warnings  []string     `json:"warnings"`
	}
	jsonMadeFile struct {
		Certificate string `json:"certificate"` // file
		KeyFile     string `json:"key_file"`
		New         bool   `json:"new"` // made now and not there before
		certs.Details
	}
)

func printMadeJSON(out output, m *certs.Made) error {
	now := time.Now()
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(jsonMade{
		Authority: jsonMadeFile{m.Path(certs.AuthorityFile), m.Path(certs.AuthorityKeyFile), m.NewAuthority, certs.Describe(m.Authority, now)},
		Server:    jsonMadeFile{m.Path(certs.ServerFile), m.Path(certs.ServerKeyFile), !m.Renewed, certs.Describe(m.Server, now)},
		Warnings:  append([]string{}, m.Warnings...),
	})
}
