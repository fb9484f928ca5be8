// Package doctor looks for what keeps Jamf, the proxy and JumpCloud apart. It
// goes through a list of checks in the order in which a lookup meets them: the
// name of the server, the connection, its certificate, the bind, what the account
// may see, users, groups and their Linux groups, limits; then the proxy that runs
// on this machine, as Jamf meets it. Each says what it saw and what to do, in the
// words of JumpCloud's console and of Jamf's pages.
//
//	Run ── servers   resolve, tcp, starttls, tls, tls-...   each of upstream.servers
//	    ├─ account   bind, search, base, users, groups ...  the first that works
//	    └─ proxy     jamf-timeouts, listener-..., proxy-... the configured listeners
//
// A check whose precondition failed is skipped, and names it. Every wait ends:
// with the limit of the configuration that the proxy itself would keep, and with
// ten minutes for all. A bind that was refused is never repeated, because it
// may count towards a lock-out.
//
// The directory is asked with go-ldap, so that a mistake of our own codec shows
// here as a difference. Pairs are found by the code that serve runs.
package doctor

import (
	"context"
	"time"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/secret"
)

// Options say what to look at, and as whom.
type Options struct {
	Config  config.Config
	Account Account
	// Proxy has the listeners and time-outs of Config looked at as well: it is the
	// configuration of a proxy, not only the address of a directory.
	Proxy bool
	// JamfHost is the name of the proxy in Jamf's "Server and Port"; "" when it is
	// not known.
	JamfHost              string
	JamfConnectionTimeout time.Duration // Jamf's "Connection Timeout"
	JamfSearchTimeout     time.Duration // Jamf's "Search Timeout"
	User, Group           string        // to look at; "" takes one that is there

	Now   func() time.Time         // nil: time.Now
	Begin func(part, title string) // if not nil, called before each check
	End   func(Finding)            // if not nil, called with each finding

	slow time.Duration // an answer that takes longer is worth a word; 0: slowAnswer
}

// Account is who asks the directory.
type Account struct {
	DN       string
	Password secret.Password
	Knob     string // where it was given, for messages: upstream.service_account
}

// longest bounds all checks together.
const longest = 10 * time.Minute

// slowAnswer is more than a round trip to the other side of the earth.
const slowAnswer = 400 * time.Millisecond

// Run makes all checks. Its error is that of ctx when that ended before the
// checks did; the report then has those that were made.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.slow == 0 {
		o.slow = slowAnswer
	}
	all, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	r := &runner{o: &o, report: &Report{Findings: []Finding{}}}
	a := &account{o: &o, server: r.servers(all)}
	defer a.close()
	runAll(all, r, "directory", accountChecks, a)
	if o.Proxy {
		r.proxy(all, a)
	}
	r.report.sum()
	return r.report, ctx.Err()
}
