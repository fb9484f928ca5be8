package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// paging asks for one user with the promise to ask for the next.
func (a *account) paging(ctx context.Context) *Finding {
	m := a.mappings()
	page := goldap.NewControlPaging(1)
	q := below(m.Users.SearchBase, aUser(&m.Users), nothing)
	q.Controls = []goldap.Control{page}
	first, err := a.search(ctx, q)
	if result, refused := answerOf(err); refused {
		return a.noPages("the server refuses them: " + result.String())
	}
	if err != nil {
		return searchFailed(err)
	}
	next, _ := goldap.FindControl(first.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
	switch {
	case next == nil:
		return a.noPages("the server does not know pages")
	case len(next.Cookie) == 0:
		return a.noPages(fmt.Sprintf("the server sends %d users in a page of 1", len(first.Entries)))
	}
	page.SetCookie(next.Cookie)
	second, err := a.search(ctx, q)
	if err != nil || len(second.Entries) != 1 {
		return a.noPages("the server does not send a second page")
	}
	return ok("work")
}

func (a *account) noPages(saw string) *Finding {
	return warn(saw, "discovering pairs, and this command, get large answers in one piece; see that the size limit, below, is larger than the number of users")
}

// sizeLimit asks for everything without pages, as Jamf does.
func (a *account) sizeLimit(ctx context.Context) *Finding {
	m := a.mappings()
	q := below(m.Users.SearchBase, fmt.Sprintf("(|%s(objectClass=%s)(objectClass=%s))", aUser(&m.Users), a.o.Config.Groups.LegacyClass, linuxClass), nothing)
	found, err := a.search(ctx, q)
	seen := 0
	if found != nil {
		seen = len(found.Entries)
	}
	result, refused := answerOf(err)
	switch {
	case refused && isLimit(result.code):
		return warn(fmt.Sprintf("the server ends an answer after %s: %s", counted(seen, "entry"), result),
			fmt.Sprintf(`Jamf asks for no pages, so type more of a name when you search, or give %s a narrower "Search Base" or "Object Class(es)"`, jamfServer),
			raiseLimit)
	case err != nil:
		return searchFailed(err)
	}
	return ok("none up to %s", counted(seen, "entry"))
}

const roundTrips = 5

// roundTrip measures the smallest of questions.
func (a *account) roundTrip(ctx context.Context) *Finding {
	var took []time.Duration
	for range roundTrips {
		start := time.Now()
		if _, err := a.search(ctx, at(a.o.Config.Upstream.Base, nothing)); err != nil {
			return searchFailed(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	middle, longest := took[len(took)/2], took[len(took)-1]
	saw := fmt.Sprintf("%s, at most %s", shortly(middle), shortly(longest))
	if middle > a.o.slow {
		return warn(saw+": each of Jamf's questions takes at least that long",
			"cache: { ttl: 1m, negative_ttl: 10s }, because Jamf asks the same questions again and again",
			"run the proxy where the directory is nearer")
	}
	return ok("%s", saw)
}

// entryUUID looks for what Jamf Pro 11.29 and later need of a group.
func (a *account) entryUUID(ctx context.Context) *Finding {
	const attribute = "entryUUID"
	missing := map[string]bool{}
	var shown []string
	for _, e := range []struct{ kind, dn string }{{"user", a.users.sampleDN}, {"group", a.groups.sampleDN}} {
		found, err := a.search(ctx, at(e.dn, attribute))
		if err != nil {
			return searchFailed(err)
		}
		if len(found.Entries) == 1 && found.Entries[0].GetEqualFoldAttributeValue(attribute) != "" {
			shown = append(shown, e.kind+"s have one")
			continue
		}
		missing[e.kind] = true
		shown = append(shown, e.kind+"s have none")
	}
	saw := strings.Join(shown, ", ")
	var try []string
	if missing["group"] && !a.o.Config.Groups.StableUUID {
		try = append(try, fmt.Sprintf(`groups.stable_uuid: true, and map "Group UUID" to entryUUID in %s: since 11.29 Jamf Pro uses no group without in smart groups`, jamfServer))
	}
	if missing["user"] {
		try = append(try, fmt.Sprintf(`map "User UUID" to uidNumber in %s`, jamfServer))
	}
	switch {
	case len(try) > 0:
		return warn(saw, try...)
	case a.o.Config.Groups.StableUUID:
		return ok("%s; groups get theirs from groups.stable_uuid", saw)
	}
	return ok("%s", saw)
}
