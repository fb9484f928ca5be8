package jamf

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (c *checker) connection() {
	c.section = SectionConnection
	in := &c.server.Connection
	c.state(in)
	if !strings.EqualFold(in.Type, "Custom") {
		c.warn("Directory Service", in.Type, "Jamf's defaults for this service do not fit JumpCloud.", "Configure Manually")
	} else {
		c.ok("Directory Service", "Configure Manually", "Custom in the API.")
	}
	c.address(in)
	c.authentication(in)
	c.timeouts(in)
	switch in.Referral {
	case "", "ignore":
		c.ok("Referral Response", in.Referral, "The proxy passes no referral on.")
	default:
		c.warn("Referral Response", in.Referral, "The proxy passes no referral on, so there is nothing to follow; a server that sent one would be asked past the proxy.", "Ignore referrals")
	}
	if in.UseWildcards {
		c.ok("Use Wildcards When Searching", ticked(true), "A part of a name is enough.")
	} else {
		c.warn("Use Wildcards When Searching", ticked(false), "Search boxes of Jamf need the whole name then.", "tick it")
	}
}

// state judges whether Jamf uses the server at all.
func (c *checker) state(in *Connection) {
	if !in.Enabled {
		c.warn("enabled", "no", "Jamf does not use a server that is switched off.", "switch it on, and off any other one that has the same groups")
	}
	if in.MigratedTo != 0 {
		c.fail("migrated_to_id", strconv.Itoa(in.MigratedTo), "This server was migrated to a cloud identity provider, and Jamf asks that one.", "make a new LDAP server")
	}
}

// address compares where Jamf connects to with where the proxy listens.
func (c *checker) address(in *Connection) {
	const label = "Server and Port"
	value := fmt.Sprintf("%s, port %d", in.Host, in.Port)
	l, found := c.listenerOf(in)
	switch {
	case in.Host == "":
		c.fail(label, value, "There is no server.", c.recommendedAddress())
		return
	case slices.ContainsFunc(c.site.Directory, func(host string) bool { return strings.EqualFold(host, in.Host) }):
		c.fail(label, value, "Jamf asks the directory itself, past the proxy.", c.recommendedAddress())
		return
	case !found:
		c.warn(label, value, "No listener of the proxy has this port; something between Jamf and the proxy would have to translate it.", c.recommendedAddress())
		c.encryption(in, nil)
		return
	case isThisMachine(in.Host):
		c.ok(label, value, "The listener "+l.Address+", for a Jamf Pro on the same machine.")
	case l.isLocal():
		c.fail(label, value, "The listener "+l.Address+" can be reached from the machine of the proxy only.", "listeners: - address: 0.0.0.0:1636")
	default:
		c.ok(label, value, "The listener "+l.Address+".")
	}
	c.encryption(in, &l)
}

func (c *checker) recommendedAddress() string {
	l := c.site.preferred()
	_, port := l.split()
	return fmt.Sprintf("%s, port %d", c.site.nameIn(l), port)
}

func (c *checker) listenerOf(in *Connection) (Listener, bool) {
	for _, l := range c.site.Listeners {
		if _, port := l.split(); port == in.Port {
			return l, true
		}
	}
	return Listener{}, false
}

// encryption judges SSL and the certificate; l is nil when the listener is not known.
func (c *checker) encryption(in *Connection, l *Listener) {
	const label = "Use SSL"
	value := ticked(in.UseSSL)
	switch {
	case l != nil && l.LDAPS && !in.UseSSL:
		c.fail(label, value, "The listener "+l.Address+" speaks TLS from the first byte.", "tick it")
		return
	case l != nil && !l.LDAPS && in.UseSSL:
		c.fail(label, value, "The listener "+l.Address+" does not begin with TLS, and Jamf has no StartTLS.", "untick it, or make the listener protocol: ldaps")
		return
	case !in.UseSSL && !isThisMachine(in.Host):
		c.warn(label, value, "Passwords cross the network readable.", "a listener with protocol: ldaps, and tick it")
		return
	}
	c.ok(label, value, "As the listener has it.")
	if in.UseSSL && l != nil && l.Certificate != nil {
		c.certificate(in, l)
	}
}

func (c *checker) certificate(in *Connection, l *Listener) {
	const label = "Certificate"
	cert := l.Certificate
	if err := cert.VerifyHostname(in.Host); err != nil {
		names := slices.Clone(cert.DNSNames)
		for _, ip := range cert.IPAddresses {
			names = append(names, ip.String())
		}
		c.fail("Server", in.Host, "The certificate of the proxy is not for this name, and Jamf refuses it: it is for "+clip(list(names))+".",
			"type one of its names, or make a certificate for "+in.Host)
	}
	if c.now.After(cert.NotAfter) {
		c.fail(label, l.File, "The certificate of the proxy has ended on "+cert.NotAfter.Format("2 January 2006")+".", "renew it")
		return
	}
	uploaded := parseCertificates(in.Certificate)
	switch {
	case in.Certificate == "":
		c.warn(label, "none in the export", "Jamf trusts the proxy only if the root of its certificate is a public one, or uploaded.", "upload the root of "+l.File)
	case len(uploaded) == 0:
		c.ok(label, "there is one", "The export does not tell which.")
	case !trusts(uploaded, cert, c):
		c.fail(label, clip(uploaded[0].Subject.String()), "The certificate of the proxy does not come from what was uploaded.", "upload the root of "+l.File)
	default:
		c.ok(label, clip(uploaded[0].Subject.String()), "The certificate of the proxy comes from it.")
	}
}

// trusts tells whether the certificates lead to cert. One of the chain in between
// may be what was uploaded; Java takes that, too.
func trusts(uploaded []*x509.Certificate, cert *x509.Certificate, c *checker) bool {
	roots := x509.NewCertPool()
	for _, u := range uploaded {
		if u.Equal(cert) {
			return true
		}
		roots.AddCert(u)
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: c.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// parseCertificates reads PEM or the base64 of DER; what is neither gives none.
func parseCertificates(text string) []*x509.Certificate {
	var list []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
	}
	if len(list) > 0 {
		return list
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return []*x509.Certificate{cert}
}

func (c *checker) authentication(in *Connection) {
	const label = "Authentication Type"
	switch strings.ToLower(in.Authentication) {
	case "simple":
		c.ok(label, in.Authentication, "A DN and a password.")
	case "none", "":
		c.fail(label, in.Authentication, "Nobody may search without a name: JumpCloud knows no anonymous search, and the proxy passes none on.", "simple")
		return
	default:
		c.fail(label, in.Authentication, "The proxy and JumpCloud take no other kind than simple, and answer authMethodNotSupported (7).", "simple")
		return
	}
	const account = "Distinguished Username"
	inside, _, valid := c.site.below(in.AccountDN)
	switch {
	case in.AccountDN == "":
		c.fail(account, "", "Jamf binds as nobody, and nobody may search.", c.site.account())
	case !valid:
		c.fail(account, in.AccountDN, "This is no DN; JumpCloud wants the whole one.", c.site.account())
	case !inside:
		c.fail(account, in.AccountDN, "JumpCloud's users are below upstream.base, "+c.site.Base+".", c.site.account())
	default:
		c.ok(account, in.AccountDN, `In JumpCloud it needs "Enable as LDAP Bind DN".`)
	}
}

// timeouts compare the patience of Jamf with that of the proxy.
func (c *checker) timeouts(in *Connection) {
	c.timeout("Connection Timeout", in.ConnectionTimeout, seconds(c.site.LongestBind),
		"upstream.connect_timeout and bind_timeout", "Jamf waits so long for a login")
	c.timeout("Search Timeout", in.SearchTimeout, seconds(c.site.LongestSearch), "upstream.search_timeout", "Jamf waits so long for an answer")
}

func (c *checker) timeout(label string, jamf, ours int, knob, what string) {
	value := fmt.Sprintf("%d s", jamf)
	switch {
	case jamf == 0:
		c.ok(label, value, "Jamf sets no limit; the proxy answers within "+fmt.Sprint(ours)+" s ("+knob+").")
	case jamf < ours:
		c.warn(label, value, fmt.Sprintf("%s, and the proxy may take %d s (%s): Jamf gives up first, and says less about why.", what, ours, knob), fmt.Sprintf("%d", ours))
	default:
		c.ok(label, value, fmt.Sprintf("%s, and the proxy at most %d s (%s).", what, ours, knob))
	}
}
