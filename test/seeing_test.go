package test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"jamf-ldap-proxy/internal/lookup"
)

// Seeing lookups must not cost those who ask, nor tell what is secret.

// everythingShown is what the proxy shows of its lookups: pages, JSON, metrics,
// log, and the files of the journal.
func everythingShown(t *testing.T, p *proxy, journal string) map[string]string {
	t.Helper()
	shown := map[string]string{"log": p.log()}
	for _, path := range []string{
		"/", "/shapes", "/groups", "/health", "/try", "/api/lookups?limit=2500", "/api/shapes", "/api/groups", "/api/health", "/metrics",
		"/?source=journal", "/api/journal?limit=2500",
	} {
		shown[path] = p.get(path)
	}
	var list struct {
		Lookups []struct{ ID uint64 }
	}
	if err := json.Unmarshal([]byte(shown["/api/lookups?limit=2500"]), &list); err != nil || len(list.Lookups) == 0 {
		t.Fatalf("/api/lookups: %v, %d lookups", err, len(list.Lookups))
	}
	for _, l := range list.Lookups {
		path := fmt.Sprintf("/lookups/%d", l.ID)
		shown[path] = p.get(path)
	}
	files, _ := filepath.Glob(journal + "*")
	if len(files) == 0 {
		t.Fatal("there is no journal")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown[filepath.Base(file)] = string(text)
	}
	return shown
}

// askAround puts questions of every kind, with results of every kind.
func askAround(t *testing.T, p *proxy) {
	t.Helper()
	w := p.session()
	for _, filter := range []string{
		"(&(objectClass=inetOrgPerson)(uid=jon.snow))", "(&(objectClass=groupOfNames)(cn=gameOfThrones))",
		"(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=jon.snow))", "(&(objectClass=groupOfNames)(cn=CarWash))",
		"(&(objectClass=groupOfNames)(cn=*Thrones*))", "(&(objectClass=groupOfNames)(member=uid=jon.snow," + usersBase + "))",
	} {
		dialGoLDAP(t, p.ldap, service, password).ask(t, search(filter, "cn", "gidNumber"))
	}
	c := dialGoLDAP(t, p.ldap, service, password)
	c.ask(t, compare("cn=gameOfThrones,"+usersBase, "member", userDN("jon.snow")))
	c.ask(t, search("(uid=jon.snow)").at("ou=jon.snow,dc=nowhere"))
	w.ask(bindOp(3, userDN("jon.snow"), "wrong password of jon.snow"))
}

// tried asks through the page, as a browser would.
func (p *proxy) tried(t *testing.T, values url.Values) string {
	t.Helper()
	answer, err := http.PostForm("http://"+p.web+"/try", values)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// awaitJournal waits until the journal holds as many lookups as the page.
func (p *proxy) awaitJournal(t *testing.T) {
	t.Helper()
	count := func(path string) int { return strings.Count(p.get(path), `"client_addr"`) }
	eventually(t, "the journal holds every lookup", func() error {
		if have, want := count("/api/journal?limit=2500"), count("/api/lookups?limit=2500"); have < want {
			return fmt.Errorf("%d of %d", have, want)
		}
		return nil
	})
}

func TestPasswordsAreShownNowhere(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "lookups.db")
	p := startWith(t, settings{servers: []string{embedded(t).url()}, journal: journal})
	askAround(t, p)
	form := url.Values{"dn": {service}, "password": {password}, "question": {"user"}, "user": {"jon.snow"},
		"user_classes": {"inetOrgPerson"}, "group_classes": {"groupOfNames"}, "group_id": {"gidNumber"}, "group_name": {"cn"}, "member": {"member"}}
	answers := p.tried(t, form)
	form.Set("password", "wrong password of jon.snow")
	answers += p.tried(t, form)
	if !strings.Contains(answers, "Jon Snow") || !strings.Contains(answers, "invalidCredentials") && !strings.Contains(answers, "wrong password or user") {
		t.Fatalf("trying did not work:\n%s", answers)
	}
	p.awaitJournal(t)
	shown := everythingShown(t, p, journal)
	shown["the answers of Try"] = answers
	for where, text := range shown {
		for _, secret := range []string{password, "wrong password of jon.snow"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds the password %q", where, secret)
			}
		}
	}
}

// TestPrivacyHash: neither a name nor a value of a client is readable anywhere, and
// equal ones have the same hash in log, page and journal.
func TestPrivacyHash(t *testing.T) {
	dir := t.TempDir()
	journal, keyFile := filepath.Join(dir, "lookups.db"), filepath.Join(dir, "key")
	const key = "a key of these tests"
	if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWith(t, settings{servers: []string{embedded(t).url()}, journal: journal, privacyKey: keyFile, logLevel: "info"})
	askAround(t, p)
	p.awaitJournal(t)
	shown := everythingShown(t, p, journal)
	// The base is the administrator's own, on the page that asks for it.
	delete(shown, "/try")
	for where, text := range shown {
		for _, name := range []string{"jon.snow", "gameOfThrones", "CarWash", "Thrones", "nowhere"} {
			if strings.Contains(text, name) {
				t.Errorf("%s shows the name %q", where, name)
			}
		}
	}
	hash := lookup.NewHasher([]byte(key)).Value("jon.snow")
	if !strings.Contains(shown["log"], "(uid="+hash+")") {
		t.Fatalf("jon.snow is not %s in the log:\n%s", hash, tail(shown["log"], 20))
	}
	for _, where := range []string{"/", "/api/lookups?limit=2500", "/api/journal?limit=2500", "/?source=journal"} {
		if !strings.Contains(shown[where], hash) {
			t.Errorf("%s does not show jon.snow as %s, as the log does", where, hash)
		}
	}
	if got := p.get("/api/lookups?q=" + url.QueryEscape("user:"+hash)); !strings.Contains(got, hash) {
		t.Error("a hash cannot be searched for")
	}
}

// TestStuckReadersOfThePageHarmNobody: they are left behind; lookups, and who reads
// as he should, go on.
func TestStuckReadersOfThePageHarmNobody(t *testing.T) {
	p := start(t, embedded(t))
	for range 5 {
		stuck, err := net.Dial("tcp", p.web)
		if err != nil {
			t.Fatal(err)
		}
		defer stuck.Close()
		_ = stuck.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(stuck, "GET /api/stream HTTP/1.1\r\nHost: %s\r\n\r\n", p.web)
	}
	reader, err := http.Get("http://" + p.web + "/api/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Body.Close()
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		lines := bufio.NewScanner(reader.Body)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() && !strings.Contains(lines.Text(), "the.last.one") {
		}
	}()
	c := dialGoLDAP(t, p.ldap, service, password)
	long := strings.Repeat("x", 1500)
	for i := range 2000 {
		a := c.ask(t, search(fmt.Sprintf("(&(objectClass=inetOrgPerson)(uid=%s%d))", long, i)))
		if a.Code != 0 {
			t.Fatalf("lookup %d: %v", i, a)
		}
	}
	c.ask(t, search("(uid=the.last.one)"))
	select {
	case <-seen:
	case <-time.After(patience):
		t.Error("a reader that reads did not get the last lookup")
	}
}

// TestJournalThatCannotWriteHarmsNobody: the file is locked by somebody for a
// while.
func TestJournalThatCannotWriteHarmsNobody(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "lookups.db")
	p := startWith(t, settings{servers: []string{embedded(t).url()}, journal: journal})
	c := dialGoLDAP(t, p.ldap, service, password)
	ask := func(name string) {
		t.Helper()
		if a := c.ask(t, search("(uid="+name+")")); a.Code != 0 {
			t.Fatalf("%s: %v", name, a)
		}
	}
	ask("before")
	p.awaitJournal(t)
	unlock := lockJournal(t, journal)
	for range 50 {
		ask("during")
	}
	p.awaitRecord("that the journal does not work", func(r record) bool {
		return r.text("level") == "warn" && strings.Contains(r.text("msg"), "journal")
	})
	if m := p.get("/metrics"); regexp.MustCompile(`jamf_ldap_proxy_journal_errors_total 0\b`).MatchString(m) {
		t.Error("no journal error was counted")
	}
	if h := p.get("/health"); !strings.Contains(h, "does not write") {
		t.Error("the page Health does not say that the journal does not write")
	}
	ask("during")
	unlock()
	eventually(t, "the journal writes again", func() error {
		ask("after")
		if !strings.Contains(p.get("/api/journal?q=after"), "after") {
			return fmt.Errorf("not there yet")
		}
		return nil
	})
}

// lockJournal keeps everybody else from writing, as another program may.
func lockJournal(t *testing.T, file string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatalf("locking %s: %v", file, err)
	}
	return func() {
		if _, err := lock.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		lock.Close()
		db.Close()
	}
}
