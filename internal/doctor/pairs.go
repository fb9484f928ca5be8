package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// pairs looks for the pairs as serve does.
func (a *account) pairs(ctx context.Context) *Finding {
	c := &a.o.Config
	if c.Groups.Mode == rewrite.ModeOff {
		return nil
	}
	found, err := a.discover(ctx)
	if err != nil {
		var e *discovery.Error
		if errors.As(err, &e) && e.Try != "" {
			return fail(err.Error(), e.Try)
		}
		return fail(err.Error())
	}
	result := discovery.Match(found, c.Groups.Pairs)
	a.match = &result
	if doubts, try := a.doubts(); len(doubts) > 0 {
		return warn(strings.Join(doubts, "; "), try...)
	}
	missing := len(result.Pairs) - len(c.Groups.Pairs)
	if a.o.Proxy && missing > 0 && !c.Groups.Discover.Enabled {
		return warn(fmt.Sprintf("%s of the directory not in groups.pairs, and groups.discover is off", counted(missing, "pair")),
			"paste what this prints: jamf-ldap-proxy pairs --config "+orFile(c.File), "groups.discover: { enabled: true }, with upstream.service_account")
	}
	if !a.o.Proxy {
		return ok("%s; jamf-ldap-proxy pairs prints them", counted(len(result.Pairs), "pair"))
	}
	return ok("%s, %d of them in groups.pairs", counted(len(result.Pairs), "pair"), len(c.Groups.Pairs))
}

func orFile(file string) string {
	if file == "" {
		return "FILE"
	}
	return file
}

// discover reads the groups over a connection of the proxy's own making.
func (a *account) discover(ctx context.Context) (groups discovery.Groups, err error) {
	c := a.o.Config.Upstream
	c.Servers, c.Warm = []string{a.server.url}, 0
	pool, err := upstream.New(c, upstream.Options{})
	if err != nil {
		return groups, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = errors.Join(err, pool.Close(end))
	}()
	source := discovery.Source{
		Pool: pool, Identity: upstream.NewIdentity(a.o.Account.DN, a.o.Account.Password),
		Base: c.Base, Class: a.o.Config.Groups.LegacyClass, Account: a.o.Account.DN, Knob: a.o.Account.Knob,
	}
	defer source.Identity.Forget()
	return source.Read(ctx)
}

// doubts is what an administrator should look at, and what to do.
func (a *account) doubts() (doubts, try []string) {
	for _, w := range a.match.Warnings {
		if strings.HasPrefix(w, "groups.pairs: ") { // not of shared IDs, which another check tells
			doubts = append(doubts, strings.TrimPrefix(w, "groups.pairs: "))
		}
	}
	if len(doubts) > 0 {
		try = append(try, "correct groups.pairs, or the group in JumpCloud; a group without members, or not bound to LDAP, has no entry")
	}
	for _, u := range a.match.NoLinuxGroup {
		if u.Reason == discovery.OtherMembers {
			doubts = append(doubts, fmt.Sprintf("%s and the Linux group %s have almost one name, but different members", u.Name, u.Like))
			try = append(try, u.Reason.Try())
		}
	}
	for _, u := range a.match.NoLegacyGroup {
		if u.Reason == discovery.NoLegacyGroup {
			doubts = append(doubts, fmt.Sprintf("the Linux group %s belongs to no group of the console", u.Name))
			try = append(try, u.Reason.Try())
		}
	}
	return doubts, unique(try)
}

// unique leaves out what was said already.
func unique(texts []string) (kept []string) {
	seen := map[string]bool{}
	for _, t := range texts {
		if !seen[t] {
			kept = append(kept, t)
		}
		seen[t] = true
	}
	return kept
}

func (a *account) ambiguous(context.Context) *Finding {
	if a.match == nil {
		return nil
	}
	var sets, try []string
	for _, m := range a.match.Ambiguous {
		sets = append(sets, fmt.Sprintf("%s with %s (%s)", groupNames(m.Legacy), groupNames(m.Posix), m.Reason.Why()))
		try = append(try, m.Reason.Try())
	}
	if len(sets) == 0 {
		return ok("none")
	}
	return warn(strings.Join(sets, "; "), append(unique(try), "a person has to say which belongs to which: jamf-ldap-proxy pairs shows them")...)
}

func groupNames(list []discovery.Group) string {
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.Name
	}
	return listed(names)
}

// withoutLinuxGroup are the groups that mode posix hides, and mode merge shows without
// an ID.
func (a *account) withoutLinuxGroup(context.Context) *Finding {
	if a.match == nil {
		return nil
	}
	var names []string
	for _, u := range a.match.NoLinuxGroup {
		if u.Reason == discovery.NoLinuxGroup {
			names = append(names, u.Name)
		}
	}
	if len(names) == 0 {
		return ok("none")
	}
	if a.o.Config.Groups.Mode == rewrite.ModeMerge {
		return warn(listed(names)+": Jamf sees them without a Group ID", in(createLinux, names[0]))
	}
	return warn(listed(names)+": Jamf does not see them in groups.mode: posix", in(createLinux, names[0]), "groups.mode: merge, to show them without an ID")
}
