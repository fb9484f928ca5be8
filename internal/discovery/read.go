package discovery

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// Bounds of a reading. No organisation comes near them; an upstream that does
// not end must.
const (
	pageSize      = 500
	maxGroups     = 200_000 // of each kind
	maxEmptyPages = 100     // in a row
	maxControls   = 32      // of an answer
)

// Source reads the groups of a directory.
type Source struct {
	Pool     *upstream.Pool
	Identity *upstream.Identity // who reads; needs to see every group with its members
	Base     string             // upstream.base
	Class    string             // groups.legacy_class

	Account string // the identity as messages name it
	Knob    string // where the identity was given, for messages: upstream.service_account

	Progress func(groups int) // if not nil, called now and then with the number read so far
}

// Read returns every group of either kind, or an *Error: never a part of them,
// which would be taken for the whole. It uses one connection, page by page, and
// ends with ctx.
func (s *Source) Read(ctx context.Context) (Groups, error) {
	groups, err := s.readWith(ctx, s.Pool.Acquire)
	if upstream.Retryable(err) {
		groups, err = s.readWith(ctx, s.Pool.AcquireFresh)
	}
	return groups, s.explain(ctx, err)
}

func (s *Source) readWith(ctx context.Context, acquire func(context.Context, *upstream.Identity) (*upstream.Conn, error)) (Groups, error) {
	c, err := acquire(ctx, s.Identity)
	if err != nil {
		return Groups{}, err
	}
	defer c.Abandon() // after a complete answer this is Release
	return s.readFrom(ctx, c)
}

// conn is the lease of a connection, as far as it is needed here.
type conn interface {
	Send(op ber.Tag, body, controls []byte) error
	Receive(ctx context.Context) (ldap.Message, error)
}

func (s *Source) readFrom(ctx context.Context, c conn) (Groups, error) {
	base, err := newUsersBase(s.Base)
	if err != nil {
		return Groups{}, fmt.Errorf("reading upstream.base: %w", err)
	}
	r := &reader{conn: c, source: s, users: base}
	legacy, err := r.all(ctx, s.Class, memberAttribute(s.Class))
	if err != nil {
		return Groups{}, err
	}
	posix, err := r.all(ctx, "posixGroup", "memberUid", "gidNumber")
	if err != nil {
		return Groups{}, err
	}
	if r.total == 0 {
		return Groups{}, errNoGroups
	}
	return Groups{Legacy: legacy, Posix: posix}, nil
}

// memberAttribute is where entries of the legacy class keep their members.
func memberAttribute(class string) string {
	if ldap.IsClass(class, "groupOfUniqueNames") {
		return "uniqueMember"
	}
	return "member"
}

// reader reads one kind of group after the other from one connection.
type reader struct {
	conn    conn
	source  *Source
	users   *usersBase
	members MemberSet
	total   int // groups so far
}

// all returns every group of a class.
func (r *reader) all(ctx context.Context, class string, attributes ...string) ([]Group, error) {
	request := ldap.AppendSearchRequest(nil, &ldap.SearchRequest{
		Base: r.source.Base, Scope: ldap.ScopeSubtree, Filter: ldap.Equal("objectClass", class),
		Attributes: append([]string{"cn"}, attributes...),
	})
	var groups []Group
	for cookie, empty := "", 0; empty < maxEmptyPages; empty++ {
		// Not critical: a server that does not know it returns everything.
		page := ldap.PagedResults{Size: pageSize, Cookie: cookie}.Control(false)
		if err := r.conn.Send(ldap.OpSearchRequest, request, ldap.AppendControl(nil, page)); err != nil {
			return nil, err
		}
		before := len(groups)
		var err error
		if groups, cookie, err = r.page(ctx, class, groups); err != nil {
			return nil, err
		}
		if cookie == "" {
			return groups, nil
		}
		if len(groups) > before {
			empty = 0
		}
	}
	return nil, errNoProgress
}

// page appends the groups of one page and returns the cookie of the next one,
// empty at the end.
func (r *reader) page(ctx context.Context, class string, groups []Group) ([]Group, string, error) {
	for {
		m, err := r.conn.Receive(ctx)
		if err != nil {
			return nil, "", err
		}
		switch m.Op {
		case ldap.OpSearchResultEntry:
			g, err := r.group(m.Body)
			if err != nil {
				return nil, "", fmt.Errorf("reading a %s entry: %w", class, err)
			}
			if groups = append(groups, g); len(groups) > maxGroups {
				return nil, "", errManyGroups
			}
			r.total++
		case ldap.OpSearchResultDone:
			if r.source.Progress != nil {
				r.source.Progress(r.total)
			}
			cookie, err := nextPage(m, class, len(groups))
			return groups, cookie, err
		}
		// A search reference is dropped, as it is for clients.
	}
}

// nextPage reads the end of a page.
func nextPage(m ldap.Message, class string, read int) (cookie string, err error) {
	result, _, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return "", fmt.Errorf("reading the end of a search: %w", err)
	}
	if result.Code != ldap.Success {
		return "", &resultError{class, read, result}
	}
	controls, err := ldap.DecodeControls(string(m.Controls), maxControls)
	if err != nil {
		return "", fmt.Errorf("reading the end of a search: %w", err)
	}
	for _, c := range controls {
		if c.OID == ldap.OIDPagedResults {
			p, err := ldap.DecodePagedResults(c.Value)
			return p.Cookie, err
		}
	}
	return "", nil
}

// group reads one entry.
func (r *reader) group(body []byte) (Group, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return Group{}, err
	}
	g := Group{Name: nameInDN(e.DN)}
	for {
		a, more, err := e.NextAttribute()
		if err != nil {
			return g, err
		}
		if !more {
			g.Name = cmp.Or(g.Name, string(e.DN))
			return NewGroup(g.Name, g.GID, &r.members), nil
		}
		if err := r.attribute(&g, &a); err != nil {
			return g, err
		}
	}
}

func (r *reader) attribute(g *Group, a *ldap.Attribute) error {
	typ, _ := ldap.AttributeTypeOf(string(a.Description))
	for {
		value, more, err := a.NextValue()
		if err != nil || !more {
			return err
		}
		switch typ {
		case ldap.CommonName:
			g.Name = cmp.Or(g.Name, string(value))
		case ldap.GIDNumber:
			g.GID = gidOf(value)
		case ldap.MemberUID:
			r.members.AddUser(value)
		case ldap.Member, ldap.UniqueMember:
			r.users.addMember(&r.members, value)
		}
	}
}

// nameInDN is the group's name as rules find it: the cn of its DN. Of several cn
// values the entry may have it is the one that counts.
func nameInDN(dn []byte) string {
	parsed, err := ldap.ParseDN(string(dn))
	if err != nil || len(parsed) == 0 || len(parsed[0]) != 1 || !ldap.SameAttributeType(parsed[0][0].Type, "cn") {
		return ""
	}
	return parsed[0][0].Value
}

// gidOf reads a gidNumber; what is no number above 0 that fits counts as none.
func gidOf(value []byte) int {
	gid, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || gid < 0 {
		return 0
	}
	return int(gid)
}
