package test

import (
	"fmt"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// JNDI abandons a search when its enumeration is closed early, and goes on
// with the same connection.
func TestJNDIClosesEnumerationEarly(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := start(t, up)
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		q := search("(objectClass=inetOrgPerson)")
		for range 20 {
			if a := c.do("peek", searchArgs(q)...); a.Code != 0 || len(a.Entries) != 1 {
				t.Fatalf("reading one entry and closing: %+v", a)
			}
			usable(t, c)
		}
		abandons := p.awaitLookup("an abandon", func(r record) bool { return r.text("op") == "abandon" })
		if abandons.text("client_kind") != "jndi" {
			t.Errorf("the client is taken for %q", abandons.text("client_kind"))
		}
	})
}

// A DN as a Java String is read as a composite name, so a group with a slash
// arrives as a base read of its first part.
func TestJNDIBaseWithSlash(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		c := openJNDI(t, "ldap://"+start(t, up).ldap, simpleBind(service, password)...)
		q := read(groupDN("Dev/Ops"), "(objectClass=groupOfNames)")
		if a := c.do("searchString", searchArgs(q)...); a.Code != goldap.LDAPResultNoSuchObject {
			t.Errorf("String base: %d %s, want 32", a.Code, a.Text)
		}
		if a := c.do("search", searchArgs(q)...); a.Code != goldap.LDAPResultNoSuchObject {
			t.Errorf("LdapName base: %d %s, want 32", a.Code, a.Text)
		}
		if a := c.do("searchString", searchArgs(read(groupDN("gameOfThrones"), "(objectClass=groupOfNames)"))...); len(a.Entries) != 1 {
			t.Errorf("String base without a slash: %+v", a)
		}
		usable(t, c)
	})
}

// getAttributes, as used for one known group or user: base read of all
// attributes without a time limit.
func TestJNDIGetAttributes(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		for _, want := range append(pairedGroups(), people("jon.snow", "hector.salamanca")...) {
			check(t, read(want.DN, "(objectClass=*)"), c.do("read", want.DN), found([]entry{want}))
		}
	})
}

// Twenty threads ask different questions at the same time, half of them on
// connections of their own and half on one; each checks its own answers.
func TestJNDIThreads(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		shared := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		var mixed []question
		for _, s := range jamfShapes(v) {
			if s.number != 17 { // needs a suffix to strip
				mixed = append(mixed, s.question)
			}
		}
		var threads sync.WaitGroup
		for n := range 20 {
			c := shared
			if n%2 == 0 {
				c = openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
			} else {
				c = shared.share(t)
			}
			threads.Go(func() {
				for i := range len(mixed) {
					q := mixed[(i*7+n*3)%len(mixed)]
					a := c.vmAsk(q.ask)
					if a.Code == -1 {
						t.Errorf("thread %d: %v: %s", n, q.ask, a.Text)
						return
					}
					check(t, q.ask, a, q.want)
					if t.Failed() {
						return
					}
				}
			})
		}
		threads.Wait()
	})
}

// Twenty threads that each open, bind, ask and close, as Jamf does without a
// connection pool.
func TestJNDIConnectionPerLookup(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := start(t, up)
		var threads sync.WaitGroup
		for n := range 20 {
			user := everybody()[n%10].Attrs["uid"][0]
			threads.Go(func() {
				for range 5 {
					c := newJNDI(t)
					if a := c.open("ldap://"+p.ldap, simpleBind(service, password)...); a.Code != 0 {
						t.Errorf("thread %d: %s", n, a.Text)
						return
					}
					q := search("(&(objectClass=groupOfNames)(member="+userDN(user)+"))", groupAttrs...)
					check(t, q, c.vmAsk(q), found(posixView.groupsOf(user)))
					c.close()
				}
			})
		}
		threads.Wait()
	})
}

// vmAsk is ask for threads, which may not end the test.
func (c jndiClient) vmAsk(q request) answer {
	if q.Compare {
		return c.compare(q)
	}
	return c.do("search", searchArgs(q)...)
}

// A size limit: JNDI hands over the entries first and raises at the end.
func TestJNDISizeLimit(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		c := openJNDI(t, "ldap://"+start(t, up).ldap, simpleBind(service, password)...)
		for _, filter := range []string{"(objectClass=groupOfNames)", "(&(objectClass=groupOfNames)(cn=*o*))", "(objectClass=inetOrgPerson)"} {
			a := c.do("search", searchArgs(search(filter).limit(2))...)
			if a.Code != goldap.LDAPResultSizeLimitExceeded || len(a.Entries) != 2 {
				t.Errorf("%s: code %d with %d entries, want 4 with 2 (%s)", filter, a.Code, len(a.Entries), a.Text)
			}
		}
		usable(t, c)
	})
}

// The same names in other spellings, which published Jamf configurations have.
func TestJNDIOddSpellings(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		c := openJNDI(t, "ldap://"+start(t, up).ldap, simpleBind(service, password)...)
		base := "OU=users, O=5F0E1D2C3B4A59687766554A, DC=JumpCloud, dc=COM"
		q := search(fmt.Sprintf("(&(ObjectClass=groupofnames)(MEMBER=UID=heisenberg, %s))", base), "GIDNUMBER", "Cn").at(base)
		a := c.ask(t, q)
		a.Entries = folded(a.Entries)
		check(t, q, a, found(folded(posixView.groupsOf("heisenberg"))))
	})
}
