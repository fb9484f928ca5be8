package test

import (
	"errors"
	"slices"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// pages reads page by page through one paged search.
type pages struct {
	t       *testing.T
	conn    *goldap.Conn
	ask     request
	control *goldap.ControlPaging
	entries []entry
	sizes   []int
	done    bool
}

func (p *pages) next() {
	p.t.Helper()
	result, err := p.conn.Search(goRequest(p.ask, p.control))
	if err != nil {
		p.t.Fatalf("page %d of %v: %v", len(p.sizes)+1, p.ask, err)
	}
	p.entries = append(p.entries, goAnswer(p.t, result, nil).Entries...)
	p.sizes = append(p.sizes, len(result.Entries))
	cookie, ok := goldap.FindControl(result.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
	if !ok {
		p.t.Fatalf("page %d of %v carries no paging control", len(p.sizes), p.ask)
	}
	p.control.SetCookie(cookie.Cookie)
	p.done = len(cookie.Cookie) == 0
	if len(p.sizes) > 50 {
		p.t.Fatalf("%v does not end: pages of %v", p.ask, p.sizes)
	}
}

func paged(t *testing.T, conn *goldap.Conn, q request, size uint32) *pages {
	return &pages{t: t, conn: conn, ask: q, control: goldap.NewControlPaging(size)}
}

// fullPages are the sizes of pages of which only the last may be short.
func fullPages(entries, size int) []int {
	var sizes []int
	for ; entries > size; entries -= size {
		sizes = append(sizes, size)
	}
	return append(sizes, entries)
}

func TestPaging(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		conn := dialGoLDAP(t, p.ldap, service, password).(goClient).Conn
		for _, c := range []struct {
			what string
			ask  request
			want wanted
			size uint32
		}{
			{"users", search("(objectClass=inetOrgPerson)"), found(everybody()), 4},
			{"groups", search("(objectClass=groupOfNames)"), found(v.everyGroup()), 4},
			{"groups of a user", search("(member=" + userDN("heisenberg") + ")"), found(v.groupsOf("heisenberg")), 3},
			{"groups of a user by name", search("(&(objectClass=groupOfNames)(memberUid=heisenberg))"), found(v.groupsOf("heisenberg")), 2},
			{"groups with an id", search("(&(objectClass=groupOfNames)(gidNumber>=7003))", groupAttrs[:2]...),
				found(groups("Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone")), 3},
			{"pages larger than the answer", search("(objectClass=groupOfNames)"), found(v.everyGroup()), 100},
		} {
			t.Run(c.what, func(t *testing.T) {
				all := paged(t, conn, c.ask, c.size)
				for !all.done {
					all.next()
				}
				check(t, c.ask, answer{Entries: all.entries}, c.want)
				if want := fullPages(len(c.want.Entries), int(c.size)); !slices.Equal(all.sizes, want) {
					t.Errorf("pages of %v entries, want %v", all.sizes, want)
				}
			})
		}
		// A filter that the proxy has to look at a second time may leave a
		// page short, but never loses or repeats an entry.
		for _, c := range []struct {
			what string
			ask  request
			want wanted
		}{
			{"groups by part of the name", search("(&(objectClass=groupOfNames)(cn=*o*))"), found(groups("gameOfThrones", "Los Pollos Hermanos", "Everyone"))},
			{"groups by part of a member's name", search("(&(objectClass=groupOfNames)(memberUid=*fring))"), found(v.groupsOf("gus.fring"))},
			{"groups and users", search("(|(objectClass=groupOfNames)(uid=*a*))", "cn", "memberUid", "gidNumber"), found(v.everyGroup(),
				people("jamf.ldap", "arya.stark", "tyrion.lannister", "daenerys_t", "jesse.pinkman", "hector.salamanca", "saul.goodman"))},
		} {
			t.Run(c.what, func(t *testing.T) {
				all := paged(t, conn, c.ask, 2)
				for !all.done {
					all.next()
				}
				check(t, c.ask, answer{Entries: all.entries}, c.want)
			})
		}
		t.Run("two cursors and other lookups on one connection", func(t *testing.T) {
			users, groups := search("(objectClass=inetOrgPerson)"), search("(objectClass=groupOfNames)")
			a, b := paged(t, conn, users, 3), paged(t, conn, groups, 2)
			for !a.done || !b.done {
				for _, cursor := range []*pages{a, b} {
					if !cursor.done {
						cursor.next()
					}
				}
				usable(t, goClient{conn})
			}
			check(t, users, answer{Entries: a.entries}, found(everybody()))
			check(t, groups, answer{Entries: b.entries}, found(v.everyGroup()))
		})
		t.Run("abandoned cursors", func(t *testing.T) {
			for range 30 { // more than the proxy keeps open per connection
				paged(t, conn, search("(objectClass=groupOfNames)"), 1).next()
			}
			usable(t, goClient{conn})
		})
		t.Run("cookie of another connection", func(t *testing.T) {
			own := paged(t, conn, search("(objectClass=inetOrgPerson)"), 3)
			own.next()
			other := dialGoLDAP(t, p.ldap, otherAdmin, password).(goClient).Conn
			stolen := paged(t, other, own.ask, 3)
			stolen.control.SetCookie(own.control.Cookie)
			if result, err := other.Search(goRequest(stolen.ask, stolen.control)); err == nil {
				t.Errorf("the cookie of another connection gave %d entries", len(result.Entries))
			}
			usable(t, goClient{other})
			own.next() // the owner can go on
		})
		t.Run("a cookie that is none", func(t *testing.T) {
			bad := paged(t, conn, search("(objectClass=inetOrgPerson)"), 3)
			bad.control.SetCookie([]byte("nonsense"))
			var failure *goldap.Error
			if _, err := conn.Search(goRequest(bad.ask, bad.control)); !errors.As(err, &failure) {
				t.Errorf("want a result code, got %v", err)
			}
			usable(t, goClient{conn})
		})
		// Where the proxy counts the limit itself, for a filter that mixes users
		// and groups, it counts per page: docs/decisions.md.
		t.Run("size limit of a page", func(t *testing.T) {
			q := search("(|(objectClass=groupOfNames)(uid=*a*))", "cn").limit(3)
			result, err := conn.Search(goRequest(q, goldap.NewControlPaging(5)))
			if a := goAnswer(t, result, err); a.Code != goldap.LDAPResultSizeLimitExceeded || len(a.Entries) != 3 {
				t.Errorf("%v: %d entries, code %d; want 3, 4", q, len(a.Entries), a.Code)
			}
			usable(t, goClient{conn})
		})
		t.Run("size limit over pages", func(t *testing.T) {
			for _, c := range []struct {
				ask  request
				size uint32
			}{
				{search("(objectClass=inetOrgPerson)", "uid").limit(5), 3},
				{search("(objectClass=groupOfNames)", "cn").limit(3), 2},
				{search("(&(objectClass=groupOfNames)(cn=*o*))", "cn").limit(2), 1},
			} {
				cursor := goldap.NewControlPaging(c.size)
				var got []entry
				var code int
				for range 20 {
					result, err := conn.Search(goRequest(c.ask, cursor))
					got = append(got, goAnswer(t, result, err).Entries...)
					if code = resultCode(t, err); code != 0 {
						break
					}
					next, ok := goldap.FindControl(result.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
					if !ok || len(next.Cookie) == 0 {
						break
					}
					cursor.SetCookie(next.Cookie)
				}
				if code != goldap.LDAPResultSizeLimitExceeded || len(got) != c.ask.Size {
					t.Errorf("%v in pages of %d: %d entries, code %d; want %d, 4", c.ask, c.size, len(got), code, c.ask.Size)
				}
			}
		})
		t.Run("JNDI, critical control", func(t *testing.T) {
			c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
			q := search("(objectClass=groupOfNames)")
			a := c.do("page", usersBase, q.Filter, "4", "true")
			check(t, q, a, found(v.everyGroup()))
			if a.Text != "2 pages" {
				t.Errorf("%s, want 2", a.Text)
			}
		})
	})
}
