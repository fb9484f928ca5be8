package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/certs"
	"jamf-ldap-proxy/proxy"
)

// listener is an address of the proxy on this machine, as Jamf meets it.
type listener struct {
	o       *Options
	cfg     proxy.ListenerConfig
	own     netip.Addr // of this machine, as the listener sees it
	down    error      // why there is no connection
	chain   *certs.Chain
	verdict certs.Verdict
	isProxy bool // it is this proxy that answers
}

var listenerChecks = []check[*listener]{
	{"listener", "Listener", nil, (*listener).open},
	{"listener-tls", "TLS", []string{"listener"}, (*listener).tls},
	{"listener-certificate", "Certificate: signed by", []string{"listener-tls"}, (*listener).tlsChain},
	{"listener-name", "Certificate: name", []string{"listener-tls"}, (*listener).tlsName},
	{"listener-expiry", "Certificate: time", []string{"listener-tls"}, (*listener).tlsExpiry},
	{"listener-proxy", "Who answers", []string{"listener-tls"}, (*listener).whoAnswers},
}

// localWait is long for a program on the same machine.
const localWait = 5 * time.Second

// proxy looks at the listeners of the configuration, if any of them answers, and
// at the directory through one of them.
func (r *runner) proxy(ctx context.Context, a *account) {
	blamed := r.blamed
	runAll(ctx, r, "jamf", jamfChecks, r.o)
	var all []*listener
	for _, c := range r.o.Config.Listeners {
		all = append(all, newListener(ctx, r.o, c))
	}
	if !slices.ContainsFunc(all, func(l *listener) bool { return l.down == nil }) {
		r.one(ctx, "proxy", "listener", "Listener", nil, func() *Finding { return notRunning(r.o) })
		return
	}
	var best *listener
	for _, l := range all {
		r.blamed = map[string]string{}
		runAll(ctx, r, "listener "+l.cfg.Address, listenerChecks, l)
		if l.isProxy && (best == nil || l.isLDAPS() && !best.isLDAPS()) {
			best = l
		}
	}
	if best == nil {
		return
	}
	r.blamed = blamed
	runAll(ctx, r, "proxy", throughChecks, &through{a, best})
}

func newListener(ctx context.Context, o *Options, c proxy.ListenerConfig) *listener {
	l := &listener{o: o, cfg: c}
	if strings.HasSuffix(c.Address, ":0") {
		l.down = errors.New("port 0 is another one at each start")
		return l
	}
	ctx, cancel := limited(ctx, localWait, "on this machine")
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		l.down = err
		return l
	}
	if at, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		l.own = at.Addr().Unmap()
	}
	_ = conn.Close()
	return l
}

func notRunning(o *Options) *Finding {
	var addresses []string
	for _, l := range o.Config.Listeners {
		addresses = append(addresses, l.Address)
	}
	return skip("the proxy does not run on this machine: nothing answers on "+strings.Join(addresses, ", "),
		"start it, jamf-ldap-proxy serve --config "+orFile(o.Config.File)+", and run doctor again to have it looked at, too")
}

func (l *listener) isLDAPS() bool { return l.cfg.Protocol == "ldaps" }
func (l *listener) hasTLS() bool  { return l.cfg.TLS.Certificate != "" }

// isLocal tells whether only this machine reaches an address.
func isLocal(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (l *listener) open(context.Context) *Finding {
	others := l.o.Config.Listeners
	switch {
	case l.down != nil:
		return fail(l.down.Error(), "restart the proxy: another of its listeners answers, so it runs with an older configuration")
	case len(l.cfg.Allow) > 0 && !slices.ContainsFunc(l.cfg.Allow, func(p netip.Prefix) bool { return p.Contains(l.own) }):
		return skip(fmt.Sprintf("this machine, %v, is not in listeners.allow", l.own), fmt.Sprintf("add %v to allow, to have this listener looked at", l.own))
	case l.o.JamfHost != "" && !isLocal(net.JoinHostPort(l.o.JamfHost, "0")) && !slices.ContainsFunc(others, func(c proxy.ListenerConfig) bool { return !isLocal(c.Address) }):
		return warn("answers, but on this machine only", "listeners.address: 0.0.0.0:PORT, if Jamf runs on another machine")
	case !l.isLDAPS() && !isLocal(l.cfg.Address) && !slices.ContainsFunc(others, func(c proxy.ListenerConfig) bool { return c.Protocol == "ldaps" }):
		return warn("answers in plain text, and there is no other: the passwords of all users cross the network readable, because Jamf knows no StartTLS",
			"add a listener with protocol: ldaps; jamf-ldap-proxy cert create makes its certificate", `tick "Use SSL" in `+jamfServer)
	}
	return ok("answers")
}

func (l *listener) tls(ctx context.Context) *Finding {
	if !l.hasTLS() {
		return nil
	}
	ctx, cancel := limited(ctx, localWait, "on this machine")
	defer cancel()
	chain, err := certs.Fetch(ctx, certs.Target{Address: l.cfg.Address, Name: cmp.Or(l.jamfHost(), "localhost"), StartTLS: !l.isLDAPS()})
	if err != nil {
		return fail(err.Error(), append([]string{"see the log of the proxy"}, adviceOf(err)...)...)
	}
	if !l.isOurs(chain.Certificates[0].Raw) {
		return fail("it shows another certificate than "+l.cfg.TLS.Certificate,
			"see that the proxy that runs has this configuration, and that certificate and key in the files belong together: it keeps the old ones until they do")
	}
	l.chain, l.verdict = chain, chain.Judge(certs.Roots{}, l.o.Now())
	return ok("%s, with %s", chain.VersionName(), l.cfg.TLS.Certificate)
}

// isOurs tells whether a certificate is the one that the configuration names. Who
// shows it has its key.
func (l *listener) isOurs(raw []byte) bool {
	rest, err := os.ReadFile(l.cfg.TLS.Certificate)
	for err == nil {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			return bytes.Equal(block.Bytes, raw)
		}
	}
	return false
}

// jamfHost is the name that Jamf knows the proxy by, "" if it is not known.
func (l *listener) jamfHost() string {
	host, _, _ := net.SplitHostPort(l.cfg.Address)
	if _, err := netip.ParseAddr(host); err == nil {
		host = ""
	}
	return cmp.Or(l.o.JamfHost, host)
}

func (l *listener) tlsChain(context.Context) *Finding {
	if l.chain == nil {
		return nil
	}
	for _, p := range l.verdict.Problems {
		if p.Kind == certs.Unusable {
			return fail(p.Why, "make another: jamf-ldap-proxy cert create")
		}
	}
	if l.verdict.Root != nil {
		return ok("%s, which is trusted everywhere", certs.Describe(l.verdict.Root, l.o.Now()).Subject)
	}
	issuer := cmp.Or(l.verdict.Missing, certs.Describe(l.chain.Certificates[len(l.chain.Certificates)-1], l.o.Now()).Subject)
	return ok(`%s, which this machine does not trust: Jamf needs the certificate of it, uploaded in %s under "Use SSL"`, issuer, jamfServer)
}

func (l *listener) tlsName(context.Context) *Finding {
	if l.chain == nil {
		return nil
	}
	host := l.jamfHost()
	if host == "" {
		return skip(`not compared with the host in Jamf's "Server and Port", which is not known here; it is `+namesOf(l.chain, l.o.Now()),
			`--jamf-host NAME, with the host of "Server and Port" in `+jamfServer)
	}
	for _, p := range l.verdict.Problems {
		if p.Kind == certs.NameMismatch {
			return fail(p.Why, "a certificate for that name: jamf-ldap-proxy cert create --host "+host,
				fmt.Sprintf(`or one of these names as the host of "Server and Port" in %s`, jamfServer))
		}
	}
	return ok("%s", namesOf(l.chain, l.o.Now()))
}

func (l *listener) tlsExpiry(context.Context) *Finding {
	if l.chain == nil {
		return nil
	}
	const renew = "renew it; what jamf-ldap-proxy cert create made, jamf-ldap-proxy cert create --force renews; the proxy takes the new files without a restart"
	for _, p := range l.verdict.Problems {
		if p.Kind == certs.Expired || p.Kind == certs.NotYetValid {
			return fail(p.Why, renew)
		}
	}
	days, until := daysLeft(l.chain, l.o.Now())
	if days < soon {
		return warn(fmt.Sprintf("%s left, until %s", counted(days, "day"), until), renew)
	}
	return ok("%s left, until %s", counted(days, "day"), until)
}
