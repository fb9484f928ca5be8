package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command runs the program with the configuration of a proxy, and returns what it
// prints and its exit code.
func (p *proxy) command(args ...string) (out string, code int) {
	p.t.Helper()
	cmd := exec.Command(raceBinary(p.t), append(args, "--config", p.config)...)
	cmd.Env = cleanEnv()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		p.t.Fatal(err)
	}
	if all := stdout.String() + stderr.String(); code > 1 || strings.Contains(all, "DATA RACE") || strings.Contains(all, password) {
		p.t.Fatalf("%s ends with %d\n%s", strings.Join(args, " "), code, all)
	}
	return stdout.String(), code
}

func passwordFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Every shape is answered through the proxy, whichever directory is behind it, and
// the proxy takes who asks for Java.
func TestSimulateAllShapes(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, withAccount(t, settings{servers: []string{up.url()}, mode: v.mode}))
		out, code := p.command("simulate", "--all", "--user", "jon.snow", "--group", "gameOfThrones",
			"--proxy", "ldap://"+p.ldap, "--user-password-file", passwordFile(t), "--json")
		var table struct {
			Member bool
			Rows   []struct {
				Number        int
				Name, Verdict string
				Direct, Proxy struct{ Said, Filter string }
			}
		}
		if err := json.Unmarshal([]byte(out), &table); err != nil || code != 0 || !table.Member {
			t.Fatalf("exit code %d, %v\n%s", code, err, out)
		}
		onlyProxy := 0
		for _, r := range table.Rows {
			switch r.Verdict {
			case "works":
			case "works only through the proxy":
				onlyProxy++
			default:
				t.Errorf("%d %s: %s (directly %s, through the proxy %s)", r.Number, r.Name, r.Verdict, r.Direct.Said, r.Proxy.Said)
			}
		}
		if onlyProxy < 5 {
			t.Errorf("%d shapes need the proxy", onlyProxy)
		}
		for _, r := range p.searches(t, "search", len(table.Rows)/2) {
			if r["client_kind"] != "jndi" && r.text("base") != "" && r["bind_dn"] != "" {
				t.Errorf("who asked is taken for %v: %v", r["client_kind"], r)
			}
		}
	})
}

// searches waits for at least so many log lines of an operation.
func (p *proxy) searches(t *testing.T, op string, n int) (found []record) {
	t.Helper()
	p.awaitLookup(op, func(r record) bool {
		if r.text("op") == op {
			found = append(found, r)
		}
		return len(found) >= n
	})
	return found
}

// One question of simulate, and the same from Java: the proxy cannot tell them
// apart, but for the size limit.
func TestSimulateAsksAsJava(t *testing.T) {
	t.Parallel()
	p := startWith(t, withAccount(t, settings{servers: []string{startedSlapd(t).url()}}))
	if _, code := p.command("simulate", "membership", "jon.snow", "gameOfThrones", "--proxy", "ldap://"+p.ldap, "--set", "use-compare=true"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
	q := read(groupDN("gameOfThrones"), "(member="+userDN("jon.snow")+")", "1.1")
	q.Time = 60
	check(t, q, c.ask(t, q), found(groups("gameOfThrones")))
	var asked []record
	p.awaitLookup("both", func(r record) bool {
		if r.text("kind") == "membership" {
			asked = append(asked, r)
		}
		return len(asked) == 2
	})
	for _, field := range []string{"client_kind", "op", "kind", "base", "scope", "filter", "attrs", "controls", "time_limit", "bind_dn"} {
		if diff := cmp.Diff(asked[0][field], asked[1][field]); diff != "" {
			t.Errorf("%s: (-simulate +Java) %s", field, diff)
		}
	}
}

// What Java asked a proxy is answered by another one in the same way, and by the
// directory in another.
func TestReplayOfJava(t *testing.T) {
	t.Parallel()
	up := startedSlapd(t)
	journal := filepath.Join(t.TempDir(), "lookups.db")
	first := startWith(t, settings{servers: []string{up.url()}, journal: journal})
	c := openJNDI(t, "ldap://"+first.ldap, simpleBind(service, password)...)
	asked := 0
	for _, q := range jamfQuestions(posixView) {
		if c.can(q.ask) {
			c.ask(t, q.ask)
			asked++
		}
	}
	c.close()
	first.stop() // and the journal is written
	second := startWith(t, withAccount(t, settings{servers: []string{up.url()}}))
	merging := startWith(t, settings{servers: []string{up.url()}, mode: "merge"})
	replay := func(a, b string) (counts replayed, code int) {
		out, code := second.command("replay", "--journal", journal, "--a", a, "--b", b, "--rate", "1000/s", "--json")
		if err := json.Unmarshal([]byte(out), &counts); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return counts, code
	}
	counts, code := replay("ldap://"+second.ldap, "ldap://"+second.ldap)
	if code != 0 || counts.Asked < asked*3/4 || counts.Same != counts.Asked {
		t.Errorf("the same proxy twice: exit code %d, %+v of %d", code, counts, asked)
	}
	counts, code = replay(up.url(), "ldap://"+second.ldap)
	if code != 1 || counts.Different == 0 || counts.Unanswered != 0 {
		t.Errorf("the directory and the proxy: exit code %d, %+v", code, counts)
	}
	counts, code = replay("ldap://"+merging.ldap, "ldap://"+second.ldap)
	if code != 1 || !slices.ContainsFunc(counts.Cases, func(c replayedCase) bool { return strings.Contains(c.Question.Filter, "cn=CarWash") }) {
		t.Errorf("mode merge and mode posix: exit code %d, %+v", code, counts)
	}
}

type replayed struct {
	Asked, Same, Different, Unanswered int
	Cases                              []replayedCase
}

type replayedCase struct{ Question struct{ Filter string } }

// What jamf-settings recommends is what works: the payload is an export that
// passes the check, and its mappings find a group with its ID.
func TestJamfSettingsWork(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	inEachMode(t, func(t *testing.T, v view) {
		p := startWith(t, withAccount(t, settings{servers: []string{up.url()}, mode: v.mode}))
		export := filepath.Join(t.TempDir(), "server.xml")
		out, _ := p.command("jamf-settings", "--format", "xml")
		if err := os.WriteFile(export, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := p.command("jamf-settings", "--check", export); code != 0 {
			t.Errorf("its own payload fails:\n%s", out)
		}
		out, code := p.command("simulate", "group", "gameOfThrones", "--jamf-export", export, "--proxy", "ldap://"+p.ldap)
		if code != 0 || !strings.Contains(out, "7001  (differs)") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}
