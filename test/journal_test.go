package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// inShell runs SQL in the sqlite3 shell, as an administrator does while the proxy
// writes, and returns what it prints.
func inShell(t *testing.T, journal, query string) string {
	t.Helper()
	cmd := exec.Command(findProgram("sqlite3"), "-readonly", "-separator", "|", journal)
	cmd.Stdin = strings.NewReader(query)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3: %v\n%s%s", err, query, out)
	}
	return string(out)
}

// TestJournalInTheShell runs the queries of docs/journal.md in the sqlite3 shell
// while lookups come in.
func TestJournalInTheShell(t *testing.T) {
	need(t, "sqlite3")
	t.Parallel()
	document, err := os.ReadFile("../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	if len(queries) == 0 {
		t.Fatal("docs/journal.md has no queries")
	}
	journal := filepath.Join(t.TempDir(), "lookups.db")
	p := startWith(t, settings{servers: []string{embedded(t).url()}, journal: journal})
	c := dialGoLDAP(t, p.ldap, service, password)
	ask := func(filter string) {
		if a := c.ask(t, search(filter, "cn", "member")); a.Code != 0 {
			t.Errorf("%s: %v", filter, a)
		}
	}
	ask("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow," + usersBase + "))")
	ask("(&(objectClass=groupOfNames)(cn=Wildlings))")
	if a := c.ask(t, search("(&(objectClass=groupOfNames)(member=jon.snow))", "cn")); a.Code != 0 { // bare: a hint
		t.Error(a)
	}
	if err := goDial(t, "ldap://"+p.ldap, nil).Bind("uid=jon.snow,"+usersBase, "wrong"); err == nil {
		t.Error("a wrong password was accepted")
	}
	p.awaitJournal(t)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				ask(fmt.Sprintf("(&(objectClass=groupOfNames)(cn=group %d))", i))
			}
		}
	})
	for _, q := range queries {
		if out := inShell(t, journal, q[1]); out == "" {
			t.Errorf("finds nothing:\n%s", q[1])
		}
	}
	if got := inShell(t, journal, "SELECT usr, grp, outcome, entries, upstream_filter FROM readable WHERE kind = 'membership'"); got !=
		"jon.snow|gameofthrones|ok|1|(&(objectClass=posixGroup)(|(cn=got)(cn=gameOfThrones))(memberUid=jon.snow))\n" {
		t.Errorf("the membership is shown as %q", got)
	}
	before := inShell(t, journal, "SELECT max(row) FROM lookups")
	eventually(t, "the shell sees what comes", func() error {
		if now := inShell(t, journal, "SELECT max(row) FROM lookups"); now == before {
			return fmt.Errorf("still %s", now)
		}
		return nil
	})
}

// TestJournalOutlivesTheProxy kills the proxy as the kernel does when memory is
// short. What was asked a moment before is found after the restart.
func TestJournalOutlivesTheProxy(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	journal := filepath.Join(t.TempDir(), "lookups.db")
	s := settings{servers: []string{up.url()}, journal: journal}
	p := startWith(t, s)
	ask := func(p *proxy, name string) {
		t.Helper()
		if a := dialGoLDAP(t, p.ldap, service, password).ask(t, search("(uid="+name+")")); a.Code != 0 {
			t.Fatal(a)
		}
	}
	ask(p, "asked.before")
	p.awaitJournal(t)
	p.stopped = true
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited

	p = startWith(t, s)
	if got := p.get("/api/journal?q=user:asked.before"); strings.Count(got, `"client_addr"`) != 1 {
		t.Errorf("after a kill the journal answers %s", got)
	}
	ask(p, "asked.after")
	p.stop() // at once: what was gathered is written
	out, code := p.command("lookups", "--json", "--since", "1h")
	if code != 0 || !strings.Contains(out, "asked.before") || !strings.Contains(out, "asked.after") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestJournalBeginsAnew: what is in place of the file is no database, and the proxy
// serves.
func TestJournalBeginsAnew(t *testing.T) {
	t.Parallel()
	journal := filepath.Join(t.TempDir(), "lookups.db")
	if err := os.WriteFile(journal, []byte(strings.Repeat("noise", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWith(t, settings{servers: []string{embedded(t).url()}, journal: journal})
	told := p.awaitRecord("that the journal was damaged", func(r record) bool { return r.text("level") == "error" })
	if told.text("moved_to") == "" || told.text("journal.path") != journal || told.text("try") == "" {
		t.Errorf("the log says %v", told)
	}
	if a := dialGoLDAP(t, p.ldap, service, password).ask(t, search("(uid=jon.snow)")); a.Code != 0 {
		t.Error(a)
	}
	p.awaitJournal(t)
	aside, err := os.ReadFile(told.text("moved_to"))
	if err != nil || !strings.HasPrefix(string(aside), "noise") {
		t.Errorf("the damaged file: %v", err)
	}
	info, err := os.Stat(journal)
	if err != nil || info.Mode().Perm() != 0o600 || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("%v %v", info, err)
	}
}
