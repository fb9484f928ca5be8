package doctor

import (
	"context"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

// through is the directory as it is seen through the proxy.
type through struct {
	account  *account
	listener *listener
}

var throughChecks = []check[*through]{
	{"proxy-bind", "Bind", []string{"bind"}, (*through).bind},
	{"proxy-group", "A group as Jamf sees it", []string{"proxy-bind", "pairs"}, (*through).group},
}

// bind repeats a bind that the directory has accepted a moment ago.
func (t *through) bind(ctx context.Context) *Finding {
	ctx, cancel := limited(ctx, t.account.o.JamfConnectionTimeout, `Jamf's "Connection Timeout"`)
	defer cancel()
	c, err := t.listener.connect(ctx)
	if err != nil {
		return fail(err.Error(), "see the log of the proxy")
	}
	defer c.close()
	_, err = c.bind(ctx, t.account.o.Account)
	if err == nil {
		return ok("as %s, as without the proxy", name(t.account.o.Account.DN))
	}
	saw := err.Error()
	result, refused := answerOf(err)
	if refused {
		saw = result.String()
	}
	saw = "works without the proxy, but not through it: " + saw
	switch {
	case result.code == ldap.Busy:
		return fail(saw, "wait: after failed binds the proxy holds the account back for a while (limits.failed_binds)")
	case result.code == ldap.Unavailable:
		return fail(saw, "see the log of the proxy for why it does not reach the directory; it may run with another configuration: restart it")
	}
	return fail(saw, "restart the proxy: it may run with another configuration, or ask another directory")
}

// group asks for a group as Jamf's Test pane does.
func (t *through) group(ctx context.Context) *Finding {
	a, sample := t.account, t.account.sampleGroup()
	switch {
	case a.o.Config.Groups.Mode == rewrite.ModeOff:
		return warn("groups.mode is off: groups of the class "+a.o.Config.Groups.LegacyClass+" have no Group ID", "groups.mode: posix, or merge")
	case sample == "":
		return skip("no pair is known to ask for", "--group NAME, or add pairs to groups.pairs")
	}
	m := a.mappings()
	m.Groups.ObjectClasses = []string{a.o.Config.Groups.LegacyClass}
	m.Membership.Attribute = memberAttribute(a.o.Config.Groups.LegacyClass)
	m.UseWildcards = false
	m.ConnectionTimeout, m.SearchTimeout = a.o.JamfConnectionTimeout, a.o.JamfSearchTimeout
	ctx, cancel := limited(ctx, m.ConnectionTimeout+m.SearchTimeout, `Jamf's "Connection Timeout" and "Search Timeout"`)
	defer cancel()
	jamf := simulate.Jamf{Dial: t.listener.dial, Account: simulate.Account{DN: a.o.Account.DN, Password: a.o.Account.Password}, Mappings: m}
	seen, err := jamf.Group(ctx, sample)
	if err != nil {
		return fail(err.Error(), "see the log of the proxy")
	}
	return judgeGroup(sample, seen)
}

// judgeGroup fails a group that is not there, or has no ID.
func judgeGroup(sample string, seen *simulate.Answer) *Finding {
	var problems, try []string
	for _, p := range seen.Problems {
		problems = append(problems, strings.TrimSuffix(p.What, "."))
		if p.Try != "" {
			try = append(try, p.Try)
		}
	}
	if len(seen.Groups) != 1 {
		return fail(strings.Join(problems, "; "), try...)
	}
	shown, hasID := []string{sample}, false
	for _, row := range seen.Groups[0].Rows {
		if !row.Missing {
			shown = append(shown, row.Label+" "+row.Values[0])
			hasID = hasID || row.Label == "Group ID"
		}
	}
	if n := seen.Groups[0].Members; n != nil {
		shown = append(shown, counted(*n, "member"))
	}
	saw := strings.Join(append(shown, problems...), ", ")
	switch {
	case !hasID:
		return fail(saw, try...)
	case len(problems) > 0:
		return warn(saw, try...)
	}
	return ok("%s", saw)
}

// sampleGroup is a group that ought to have an ID through the proxy, under the
// name that Jamf knows; "" if there is none.
func (a *account) sampleGroup() string {
	groups := &a.o.Config.Groups
	if a.o.Group != "" || a.match == nil {
		return a.o.Group
	}
	for _, p := range a.match.Pairs {
		for _, c := range groups.Pairs {
			if c.Legacy == p.Legacy && p.Members > 0 {
				return p.Legacy
			}
		}
	}
	switch {
	case len(a.match.Pairs) == 0:
		return ""
	case groups.Discover.Enabled:
		return a.match.Pairs[0].Legacy
	case groups.Mode == rewrite.ModePosix: // a group without a pair goes by its Linux name
		return a.match.Pairs[0].Posix
	}
	return ""
}
