package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// soon is when a certificate that ends is worth a word, in days.
const soon = 21

const noClientCertificate = "have the server ask no certificate of its clients: the proxy has none"

func minVersion(configured string) uint16 {
	if configured == "1.3" {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

func (s *server) tls(ctx context.Context) *Finding {
	if !s.encrypted {
		return nil
	}
	ctx, cancel := s.connectLimit(ctx)
	defer cancel()
	chain, err := certs.Fetch(ctx, s.target)
	if err != nil {
		return fail(s.failure(ctx, err), adviceOf(err)...)
	}
	least := minVersion(s.o.Config.Upstream.TLS.MinVersion)
	switch {
	case chain.Version < least:
		return fail(fmt.Sprintf("the server speaks %s, and upstream.tls.min_version is %s", chain.VersionName(), s.o.Config.Upstream.TLS.MinVersion),
			"have the server speak TLS 1.2 or 1.3")
	case chain.Refused != nil:
		return fail("the server ends the handshake: "+chain.Refused.Error(), noClientCertificate)
	}
	s.chain, s.verdict = chain, chain.Judge(s.roots, s.o.Now())
	return ok("%s, %s", chain.VersionName(), counted(len(chain.Certificates), "certificate"))
}

// adviceOf is what an error of certs says to do.
func adviceOf(err error) []string {
	var e *certs.Error
	if errors.As(err, &e) && e.Try != "" {
		return []string{e.Try}
	}
	return nil
}

// look is the command that shows the certificates of a server.
func (s *server) look() string {
	command := "jamf-ldap-proxy cert fetch " + s.target.String()
	if s.target.Name != s.host {
		command += " --server-name " + s.target.Name
	}
	if s.roots.File != "" {
		command += " --ca " + s.roots.File
	}
	return command
}

func (s *server) tlsChain(context.Context) *Finding {
	if s.chain == nil {
		return nil
	}
	for _, p := range s.verdict.Problems {
		if p.Kind == certs.UnknownAuthority || p.Kind == certs.Unusable {
			return s.untrusted(p)
		}
	}
	if s.verdict.Root == nil {
		return nil // expired, which another check tells
	}
	return ok("%s, by %s", certs.Describe(s.verdict.Root, s.o.Now()).Subject, s.roots)
}

func (s *server) tlsName(context.Context) *Finding {
	if s.chain == nil {
		return nil
	}
	for _, p := range s.verdict.Problems {
		if p.Kind == certs.NameMismatch {
			return s.untrusted(p)
		}
	}
	return ok("%s", namesOf(s.chain, s.o.Now()))
}

func (s *server) tlsExpiry(context.Context) *Finding {
	if s.chain == nil {
		return nil
	}
	for _, p := range s.verdict.Problems {
		if p.Kind == certs.Expired || p.Kind == certs.NotYetValid {
			return s.untrusted(p)
		}
	}
	days, until := daysLeft(s.chain, s.o.Now())
	if days < soon {
		return warn(fmt.Sprintf("%s left, until %s", counted(days, "day"), until),
			"have the server's owner renew it in time; with upstream.tls.ca, the file must hold the root of the new one",
			"show it: "+s.look())
	}
	return ok("%s left, until %s", counted(days, "day"), until)
}

func (s *server) untrusted(p certs.Problem) *Finding {
	return fail(p.Why, p.Try, "show the certificates: "+s.look(), "without the proxy, in Jamf: "+p.Jamf)
}

// namesOf are the names that a server's own certificate is for.
func namesOf(c *certs.Chain, now time.Time) string {
	return "for " + strings.Join(certs.Describe(c.Certificates[0], now).Names, ", ")
}

// daysLeft is the time until the first certificate of a chain ends.
func daysLeft(c *certs.Chain, now time.Time) (days int, until string) {
	first := c.Certificates[0]
	for _, cert := range c.Certificates[1:] {
		if cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	return certs.Describe(first, now).DaysLeft, first.NotAfter.UTC().Format("2006-01-02")
}
