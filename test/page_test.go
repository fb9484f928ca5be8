package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPageShowsLookupsLive is the afternoon of an administrator: the page is
// open, Jamf asks, and the page says what and why.
func TestPageShowsLookupsLive(t *testing.T) {
	need(t, "ldapsearch")
	p := start(t, embedded(t))
	b := browse(t, "http://"+p.web)
	b.open("/")
	b.await("#nothing", "No lookup yet", "Settings > LDAP Servers", "ldap://"+p.ldap)
	b.await("#live", "live")
	b.picture("empty")

	asked := newLDAPUtils(t, p.ldap, service, password)
	ask := func(filter string) {
		t.Helper()
		asked.ask(t, search(filter, "cn", "gidNumber"))
	}
	ask("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=jon.snow))")
	b.await("#rows", "Membership", "gameOfThrones member=jon.snow", "1 entry", "translated", "username-where-dn", "accepted")

	// Details: both filters, the hint in words, what was done.
	b.click("#rows tr.ok .about a[href^='/lookups/']:is(tr:has(.hint) *)")
	b.await("#drawer", "(objectClass=groupOfNames)", "(objectClass=posixGroup)", "(member=jon.snow)", "(memberUid=jon.snow)",
		"Use distinguished name of member users when searching", "member-name", "ldapsearch", service)
	b.picture("details")
	b.press(kb.Escape)
	b.awaitGone("#drawer", "posixGroup")

	// By keyboard.
	b.press("j")
	b.do("pressing Enter", chromedp.KeyEvent(kb.Enter))
	b.await("#drawer", "Answer", "Client")
	b.press(kb.Escape)

	// Filters, typed and clicked; what comes later has to fit too.
	ask("(&(objectClass=groupOfNames)(cn=nosuchgroup))")
	b.await("#rows", "nosuchgroup", "nothing found", "unknown-group")
	b.fill("#q", "result:empty")
	b.awaitGone("#rows", "gameOfThrones")
	b.await("#rows", "nosuchgroup")
	ask("(&(objectClass=inetOrgPerson)(uid=arya.stark))")
	ask("(&(objectClass=groupOfNames)(cn=another))")
	b.await("#rows", "another")
	if got := b.text("#rows"); strings.Contains(got, "arya.stark") {
		t.Errorf("a lookup that the filter does not select arrived: %s", got)
	}
	b.fill("#q", "kind:grup")
	b.await("#wrong", `"grup" is none of user, group`)
	b.forgive("400 (Bad Request)")
	b.click(".chips a[data-query='']")
	b.await("#rows", "arya.stark", "another")

	// Paused, nothing moves and nothing is lost.
	b.press("p")
	b.await("#live", "paused")
	ask("(&(objectClass=inetOrgPerson)(uid=heisenberg))")
	b.await("#live", "new")
	if got := b.text("#rows"); strings.Contains(got, "heisenberg") {
		t.Error("a paused list went on")
	}
	b.click("#pause")
	b.await("#rows", "heisenberg")
	b.click("#rows tr.ok .about a[href^='/lookups/']:is(tr:has(.hint) *)")
	b.await("#drawer", "(memberUid=jon.snow)")
	b.do("growing", chromedp.EmulateViewport(1280, 940))
	b.picture("page") // docs/page.png is made of it: make picture
}

// TestPageTry is Jamf's Test pane, with a right and a wrong password.
func TestPageTry(t *testing.T) {
	p := start(t, embedded(t))
	b := browse(t, "http://"+p.web)
	b.open("/try")
	b.fill("#dn", service)
	b.fill("#password", password)
	b.click("input[value=membership]")
	b.fill("#user", "jon.snow")
	b.fill("#group", "gameOfThrones")
	b.click("#ask")
	b.await("#tried", "Member", "Jon Snow", "Group ID", "7001", "The lookups that it took", "Membership")
	b.picture("try")
	if html := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(html, password) {
		t.Error("the password is in the page")
	}
	p.awaitLookup("the membership, from the browser's address", func(r record) bool {
		return r.text("kind") == "membership" && strings.HasPrefix(r.text("client_addr"), "127.0.0.1:") && r.text("client_kind") == "jndi"
	})

	b.fill("#password", "not the password")
	b.click("#ask")
	b.await("#tried", "invalidCredentials")
	b.awaitGone("#tried", "Jon Snow")
}

// pagePaths are all that an administrator can open.
var pagePaths = []string{"/", "/?q=result:empty", "/?q=kind:nonsense", "/lookups/%s", "/shapes", "/groups", "/health", "/explain", "/explain?filter=(member=x)", "/try"}

// TestPagesAreAccessible looks for what keeps people out, in light and dark, on a
// desktop and at 400 % of it, which is a phone.
func TestPagesAreAccessible(t *testing.T) {
	p := start(t, embedded(t))
	c := dialGoLDAP(t, p.ldap, service, password)
	for _, filter := range []string{
		"(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=jon.snow))", "(&(objectClass=groupOfNames)(cn=nosuchgroup))",
		"(&(objectClass=inetOrgPerson)(uid=" + strings.Repeat("long", 60) + "))",
	} {
		c.ask(t, search(filter))
	}
	b := browse(t, "http://"+p.web)
	b.open("/?q=hint:username-where-dn")
	b.await("#rows", "gameOfThrones")
	id := strings.TrimPrefix(eval[string](b, "document.querySelector('#rows .about a').pathname"), "/lookups/")
	for _, width := range []int64{1280, 320} {
		for _, scheme := range []string{"light", "dark"} {
			b.do("setting the size", chromedp.EmulateViewport(width, 800))
			for _, page := range pagePaths {
				if strings.Contains(page, "%s") {
					page = fmt.Sprintf(page, id)
				}
				b.open(page)
				eval[string](b, fmt.Sprintf("document.documentElement.dataset.scheme = %q", scheme))
				for _, f := range eval[[]string](b, audit) {
					t.Errorf("%s, %s, %d px wide: %s", page, scheme, width, f)
				}
				b.picture(fmt.Sprintf("%s-%s-%d", strings.Trim(strings.NewReplacer("/", "", "?", "-", "=", "-", ":", "-", "(", "", ")", "").Replace(page)+"-page", "-"), scheme, width))
			}
		}
	}
	b.forgive("400 (Bad Request)")
}
