package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
)

// account is what Jamf's account finds in the directory.
type account struct {
	o       *Options
	server  *server // nil when none works: then no check is made
	client  *client
	rebound bool // the connection broke once and was made anew

	users  users
	groups groups
	match  *discovery.Result // nil until the pairs are known
}

var accountChecks = []check[*account]{
	{"bind", "Bind", connected, (*account).bind},
	{"search", "May search", []string{"bind"}, (*account).maySearch},
	{"base", "Base", []string{"search"}, (*account).base},
	{"users", "Users", []string{"base"}, (*account).readUsers},
	{"user-attributes", "A user as Jamf sees it", []string{"users"}, (*account).userAttributes},
	{"groups", "Groups", []string{"base"}, (*account).readGroups},
	{"linux-groups", "Linux groups", []string{"groups"}, (*account).linuxGroups},
	{"gids", "Group IDs", []string{"linux-groups"}, (*account).gids},
	{"members", "Members", []string{"users", "groups"}, (*account).members},
	{"pairs", "Pairs", []string{"linux-groups"}, (*account).pairs},
	{"ambiguous-pairs", "Ambiguous groups", []string{"pairs"}, (*account).ambiguous},
	{"groups-without-linux-group", "Groups without a Linux group", []string{"pairs"}, (*account).withoutLinuxGroup},
	{"entryuuid", "UUIDs", []string{"users", "groups"}, (*account).entryUUID},
	{"paging", "Pages", []string{"users"}, (*account).paging},
	{"size-limit", "Size limit", []string{"users", "groups"}, (*account).sizeLimit},
	{"round-trip", "Round trip", []string{"base"}, (*account).roundTrip},
}

func (a *account) close() {
	if a.client != nil {
		a.client.close()
	}
}

// session is the connection, bound as the account. One that broke is made anew
// once, which repeats a bind that the server has accepted before.
func (a *account) session(ctx context.Context) (*client, error) {
	if !a.client.broken() {
		return a.client, nil
	}
	if a.rebound {
		return nil, errors.New("the connection has ended")
	}
	a.rebound = true
	a.client.close()
	c, err := a.server.dial(ctx)
	if err != nil {
		return nil, err
	}
	a.client = c
	_, err = a.login(ctx, c)
	return c, err
}

// login binds within upstream.bind_timeout.
func (a *account) login(ctx context.Context, c *client) (*goldap.ControlBeheraPasswordPolicy, error) {
	ctx, cancel := limited(ctx, a.o.Config.Upstream.BindTimeout, "upstream.bind_timeout")
	defer cancel()
	return c.bind(ctx, a.o.Account)
}

// search asks a question within upstream.search_timeout. What a server sent
// before it refused to send more comes with the error.
func (a *account) search(ctx context.Context, q *goldap.SearchRequest) (*goldap.SearchResult, error) {
	limit := a.o.Config.Upstream.SearchTimeout
	ctx, cancel := limited(ctx, limit, "upstream.search_timeout")
	defer cancel()
	c, err := a.session(ctx)
	if err != nil {
		return nil, err
	}
	q.TimeLimit = int(limit / time.Second)
	var found *goldap.SearchResult
	err = c.do(ctx, func() (err error) {
		found, err = c.ldap.Search(q)
		return err
	})
	return found, err
}

// below asks for entries below a DN.
func below(base, filter string, attributes ...string) *goldap.SearchRequest {
	return &goldap.SearchRequest{BaseDN: base, Scope: goldap.ScopeWholeSubtree, Filter: filter, Attributes: attributes}
}

// at asks for one entry.
func at(dn string, attributes ...string) *goldap.SearchRequest {
	return &goldap.SearchRequest{BaseDN: dn, Scope: goldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes}
}

const nothing = "1.1" // no attribute, RFC 4511 section 4.5.1.8

// visible tells whether a search shows anything; what is refused is not. Its error
// is one of the network.
func (a *account) visible(ctx context.Context, q *goldap.SearchRequest) (bool, string, error) {
	found, err := a.search(ctx, q)
	seen := found != nil && len(found.Entries) > 0
	if result, refused := answerOf(err); refused {
		return seen, result.String(), nil
	}
	return seen, "success, without an entry", err
}

// container is where the account's own entry lies, as all users of JumpCloud do.
func (a *account) container() ldap.DN {
	dn, err := ldap.ParseDN(a.o.Account.DN)
	if err != nil || len(dn) == 0 {
		return nil
	}
	return dn.Parent()
}

func (a *account) maySearch(ctx context.Context) *Finding {
	place := cmp.Or(a.container().String(), a.o.Config.Upstream.Base)
	q := below(place, "(objectClass=*)", nothing)
	q.SizeLimit = 1
	seen, result, err := a.visible(ctx, q)
	switch {
	case err != nil:
		return fail(err.Error())
	case !seen:
		return fail(fmt.Sprintf("%s sees nothing at %s, where it lies itself: %s", name(a.o.Account.DN), place, result),
			in(enableBindDN, name(a.o.Account.DN)))
	}
	return ok("%s sees entries at %s", name(a.o.Account.DN), place)
}

func (a *account) base(ctx context.Context) *Finding {
	base := a.o.Config.Upstream.Base
	seen, result, err := a.visible(ctx, at(base, nothing))
	switch {
	case err != nil:
		return fail(err.Error())
	case seen:
		return ok("%s", base)
	}
	return fail(fmt.Sprintf("there is nothing at %s: %s", base, result),
		fmt.Sprintf("upstream.base: %s, where the account itself lies", a.container()),
		fmt.Sprintf(`the same in %s, as "Search Base" of users and of user groups`, jamfServer))
}

// name is what people know a DN by.
func name(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed) == 0 || len(parsed[0]) != 1 {
		return dn
	}
	return parsed[0][0].Value
}

// reading is what became of a search for everything of a kind.
type reading struct {
	entries int
	cut     string // why the server did not send all of it; "" if it did
}

const (
	pageSize   = 500
	maxEntries = 400_000
)

// readAll hands every entry of a search to each, page by page, or in one piece
// where the server refuses pages.
func (a *account) readAll(ctx context.Context, q *goldap.SearchRequest, each func(*goldap.Entry)) (reading, error) {
	var r reading
	page := goldap.NewControlPaging(pageSize)
	q.Controls = []goldap.Control{page}
	for {
		found, err := a.search(ctx, q)
		if found != nil {
			for _, e := range found.Entries {
				each(e)
			}
			r.entries += len(found.Entries)
		}
		result, refused := answerOf(err)
		switch {
		case refused && r.entries == 0 && q.Controls != nil:
			q.Controls = nil // another check tells of it
			continue
		case refused && isLimit(result.code):
			r.cut = result.String()
			return r, nil
		case err != nil:
			return r, err
		case r.entries > maxEntries:
			r.cut = fmt.Sprintf("more than %d entries are not read", maxEntries)
			return r, nil
		}
		next, _ := goldap.FindControl(found.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
		if next == nil || len(next.Cookie) == 0 {
			return r, nil
		}
		page.SetCookie(next.Cookie)
	}
}

func isLimit(code ldap.ResultCode) bool {
	return code == ldap.SizeLimitExceeded || code == ldap.TimeLimitExceeded || code == ldap.AdminLimitExceeded
}

// searchFailed is the finding of a search that failed.
func searchFailed(err error) *Finding {
	if result, refused := answerOf(err); refused {
		return fail("the server answers "+result.String(), "see the LDAP events in JumpCloud's Directory Insights")
	}
	saw := err.Error()
	if strings.Contains(saw, "search_timeout") {
		return fail(saw, "raise upstream.search_timeout, and \"Search Timeout\" in "+jamfServer)
	}
	return fail(saw)
}
