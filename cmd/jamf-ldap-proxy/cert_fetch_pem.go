package main

import (
	"fmt"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/certs"
	"jamf-ldap-proxy/internal/lookup"
)

// printCertPEM writes the chains, each certificate below comments that say what
// it is. No line of them begins with a hyphen, and none holds a line break.
func printCertPEM(out output, reports []certReport) error {
	var b strings.Builder
	for i := range reports {
		r := &reports[i]
		if r.err != nil {
			continue
		}
		comment(&b, fmt.Sprintf("%s on %s; compare the SHA-256 by another way before you trust it", r.target, time.Now().UTC().Format(certTime)))
		for k := range r.certificates {
			pemOf(&b, "", &r.certificates[k])
		}
		if r.root != nil {
			pemOf(&b, "not sent by the server; from "+r.roots.String(), r.root)
		}
	}
	_, err := out.Write([]byte(b.String()))
	return err
}

func pemOf(b *strings.Builder, note string, c *certs.Details) {
	b.WriteString("\n")
	if note != "" {
		comment(b, note)
	}
	comment(b, "subject: "+c.Subject)
	comment(b, "issuer:  "+c.Issuer)
	if len(c.Names) > 0 {
		comment(b, "names:   "+lookup.Clip(strings.Join(c.Names, ", "), maxShownText))
	}
	comment(b, fmt.Sprintf("until:   %s, %s left", c.NotAfter.Format(certTime), counted(c.DaysLeft, "day")))
	comment(b, "SHA-256: "+c.SHA256)
	b.WriteString(c.PEM)
}
