package web_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"jamf-ldap-proxy/internal/web"
)

// hashOf is what htpasswd -B prints, at the least cost there is.
func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return "$2y$" + strings.TrimPrefix(string(hash), "$2a$")
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	write(t, name, text)
	return name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

const token = "0123456789abcdef0123"

// guarded is a server with authentication whose clock the test moves.
type guarded struct {
	*fixture
	auth         *web.Auth
	users, token string // files
	log          *logBook
	moved        atomic.Int64
}

func guard(t *testing.T, users, token string) *guarded {
	t.Helper()
	g := &guarded{log: &logBook{}}
	if users != "" {
		g.users = file(t, users)
	}
	if token != "" {
		g.token = file(t, token)
	}
	var err error
	if g.auth, err = web.NewAuth(g.users, g.token); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	g.auth.SetClock(func() time.Time { return begin.Add(time.Duration(g.moved.Load())) })
	g.fixture = start(t, web.Options{Auth: g.auth, ErrorLog: g.log.logger()})
	return g
}

func (g *guarded) move(d time.Duration) { g.moved.Add(int64(d)) }

// admits reports whether the page is shown to who sends that.
func (g *guarded) admits(authorization string) bool {
	g.t.Helper()
	answer, _ := g.get("/", "Authorization", authorization)
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusUnauthorized {
		g.t.Errorf("%s: %s", authorization, answer.Status)
	}
	return answer.StatusCode == http.StatusOK
}

func (g *guarded) expect(authorization string, want bool) {
	g.t.Helper()
	if g.admits(authorization) != want {
		g.t.Errorf("%q is let in: %v, want %v", authorization, !want, want)
	}
}

func TestUsers(t *testing.T) {
	g := guard(t, "# who may look\n\nalice:"+hashOf(t, "wonder:land")+"\nbob:"+hashOf(t, "")+"\r\n  carol:"+hashOf(t, strings.Repeat("x", 72))+"  \n", "")
	for _, tt := range []struct {
		authorization string
		want          bool
	}{
		{basic("alice", "wonder:land"), true},
		{basic("alice", "wonder:land"), true}, // remembered
		{basic("alice", "Wonder:land"), false},
		{basic("alice", ""), false},
		{basic("Alice", "wonder:land"), false},
		{basic("mallory", "wonder:land"), false}, // nobody has that name, whosever password it is
		{basic("mallory", ""), false},
		{basic("mallory", strings.Repeat("x", 72)), false},
		{basic("# who may look", ""), false},
		{basic("", ""), false},
		{basic("bob", ""), true},
		{basic("carol", strings.Repeat("x", 72)), true},
		{basic("carol", strings.Repeat("x", 71)), false},
		{"Bearer " + token, false},
		{"Basic !!!", false},
		{"Basic", false},
		{"Digest x", false},
		{"", false},
	} {
		g.expect(tt.authorization, tt.want)
	}
	if n := g.auth.Remembered(); n != 3 {
		t.Errorf("%d passwords are remembered, want the 3 that were right", n)
	}
}

func TestToken(t *testing.T) {
	g := guard(t, "", "\n "+token+"\n")
	g.expect("Bearer "+token, true)
	g.expect("bearer "+token, true) // RFC 9110 section 11.1
	g.expect("Bearer "+token+"x", false)
	g.expect("Bearer "+token[1:], false)
	g.expect("Bearer ", false)
	g.expect("Bearer", false)
	g.expect(token, false)
	g.expect("", false)
	g.expect(basic("alice", token), false)
	answer, _ := g.get("/metrics")
	if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer realm="jamf-ldap-proxy"` {
		t.Errorf("the browser is asked for %q, where no password can be right", got)
	}
}

func TestUsersAndToken(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "wonderland"), token)
	g.expect(basic("alice", "wonderland"), true)
	g.expect("Bearer "+token, true)
	g.expect("Bearer wonderland", false)
	g.expect(basic("alice", token), false)
}

func TestEverythingButProbesAsksWhoIsThere(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "wonderland"), token)
	for _, path := range []string{"/healthz", "/readyz", "/%68ealthz"} {
		if answer, _ := g.get(path); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	for _, path := range []string{
		"/", "/metrics", "/rows", "/stream", "/lookups/1", "/journal/1", "/shapes", "/groups", "/health", "/explain", "/try", "/nothing",
		"/static/page.js", "/api/lookups", "/api/lookups/1", "/api/journal", "/api/stream", "/api/shapes", "/api/groups", "/api/health",
		"/api/explain", "/api/try", "/healthz/", "/healthz/../", "//healthz", "/HEALTHZ", "/healthz%2f..%2f",
	} {
		answer, body := g.get(path)
		if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != `Basic realm="jamf-ldap-proxy", charset="UTF-8"` ||
			body != "who are you? This page needs a user of web.users_file, or the token of web.token_file\n" {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
	for _, method := range []string{"POST", "OPTIONS", "PUT"} {
		if answer, _ := g.do(g.request(method, "/try", "")); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", method, answer.Status)
		}
	}
}

func TestNewAuthSaysWhatIsWrong(t *testing.T) {
	good := "alice:" + hashOf(t, "x")
	for name, tt := range map[string]struct{ users, token, want string }{
		"no bcrypt":       {good + "\nbob:$apr1$abc$def", "", "reading web.users_file: FILE: line 2 is not user:hash with a bcrypt hash; `htpasswd -nB -C 10 NAME` prints such a line"},
		"no colon":        {"# x\n\nalice", "", "reading web.users_file: FILE: line 3 is not user:hash"},
		"no user":         {":" + hashOf(t, "x"), "", "line 1 is not user:hash"},
		"more behind it":  {good + ":more", "", "line 1 is not user:hash"},
		"nobody":          {"# nobody\n", "", "reading web.users_file: FILE: there is no user in it; `htpasswd -nB -C 10 NAME` prints a line for one"},
		"slow":            {strings.Replace(good, "$04$", "$20$", 1), "", "line 1 has a bcrypt hash of cost 20, which takes too long to compare with; `htpasswd -nB -C 10 NAME`"},
		"large":           {strings.Repeat("#", 100_000), "", "reading web.users_file: FILE is larger than 65536 bytes"},
		"short token":     {"", "tooshort\n", "reading web.token_file: FILE: a token needs at least 16 characters; `openssl rand -hex 32` makes a good one"},
		"no token":        {"", "\n", "a token needs at least 16 characters"},
		"users are first": {"alice", "short", "reading web.users_file"},
	} {
		t.Run(name, func(t *testing.T) {
			var users, token string
			if tt.users != "" {
				users = file(t, tt.users)
			}
			if tt.token != "" {
				token = file(t, tt.token)
			}
			_, err := web.NewAuth(users, token)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.NewReplacer(users, "FILE").Replace(err.Error())
			if users == "" {
				got = strings.ReplaceAll(err.Error(), token, "FILE")
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := web.NewAuth(missing, ""); err == nil || !strings.Contains(err.Error(), "web.users_file: stat "+missing) {
		t.Errorf("%v", err)
	}
}

func TestUsersFileIsReadAgain(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "old"), "")
	old, fresh := basic("alice", "old"), basic("alice", "new")
	g.expect(old, true)

	write(t, g.users, "alice:"+hashOf(t, "new")+"\n")
	g.expect(old, true) // not looked at yet
	g.move(web.SecretFileLook)
	g.expect(old, false) // and not remembered either
	g.expect(fresh, true)
	if text := g.log.String(); text != "" {
		t.Errorf("a change is logged as an error: %s", text)
	}

	write(t, g.users, "alice:plain\n")
	g.move(web.SecretFileLook)
	g.expect(fresh, false)
	g.expect(old, false)
	g.move(web.SecretFileLook)
	g.expect(fresh, false)
	if text := g.log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "web.users_file") || !strings.Contains(text, "line 1 is not user:hash") {
		t.Errorf("the log says\n%s", text)
	}

	write(t, g.users, "alice:"+hashOf(t, "new")+" \n")
	g.move(web.SecretFileLook)
	g.expect(fresh, true)

	if err := os.Remove(g.users); err != nil {
		t.Fatal(err)
	}
	g.move(web.SecretFileLook)
	g.expect(fresh, false)
	if text := g.log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "no such file") {
		t.Errorf("the log says\n%s", text)
	}

	write(t, g.users, "alice:"+hashOf(t, "new"))
	g.move(web.SecretFileLook)
	g.expect(fresh, true)
}

// Two contents of one length, written within one tick of the clock, in place and by
// renaming.
func TestUsersFileThatLooksTheSameIsReadAgain(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "one"), "")
	info, err := os.Stat(g.users)
	if err != nil {
		t.Fatal(err)
	}
	next := g.users + ".new"
	write(t, next, "alice:"+hashOf(t, "two"))
	if err := os.Chtimes(next, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, g.users); err != nil {
		t.Fatal(err)
	}
	g.move(web.SecretFileLook)
	g.expect(basic("alice", "two"), true)

	write(t, g.users, "alice:"+hashOf(t, "three")+"\n")
	if err := os.Chtimes(g.users, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	g.move(web.SecretFileLook)
	g.expect(basic("alice", "three"), true)
}

func TestTokenFileIsReadAgain(t *testing.T) {
	g := guard(t, "", token)
	g.expect("Bearer "+token, true)
	write(t, g.token, "another"+token)
	g.move(web.SecretFileLook)
	g.expect("Bearer "+token, false)
	g.expect("Bearer another"+token, true)
	write(t, g.token, "")
	g.move(web.SecretFileLook)
	g.expect("Bearer ", false)
	g.expect("Bearer another"+token, false)
	if text := g.log.String(); !strings.Contains(text, "web.token_file") || !strings.Contains(text, "at least 16 characters") || strings.Contains(text, token) {
		t.Errorf("the log says %q", text)
	}
}

func TestRightPasswordIsRememberedForAWhile(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "wonderland"), "")
	alice := basic("alice", "wonderland")
	g.expect(alice, true)
	release := g.auth.Compare()
	g.expect(alice, true) // without a comparison, which would wait
	release()
	g.move(web.RememberRight)
	g.expect(alice, true) // with one
	release = g.auth.Compare()
	g.expect(alice, true)
	release()
}

func TestRememberedPasswordsAreBounded(t *testing.T) {
	const many = web.MaxRemembered/2 + 1
	var lines strings.Builder
	hash := hashOf(t, "same")
	for i := range many {
		fmt.Fprintf(&lines, "u%d:%s\n", i, hash)
	}
	name := file(t, lines.String())
	auth, err := web.NewAuth(name, "")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	auth.SetClock(func() time.Time { return begin })
	handler := auth.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(error) {})
	everybody := func() {
		for i := range many {
			r := httptest.NewRequest("GET", "/", nil)
			r.SetBasicAuth(fmt.Sprintf("u%d", i), "same")
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	everybody()
	if n := auth.Remembered(); n != many {
		t.Errorf("%d are remembered, want %d", n, many)
	}
	write(t, name, lines.String()+"# changed\n")
	begin = begin.Add(web.SecretFileLook)
	everybody()
	if n := auth.Remembered(); n == 0 || n > web.MaxRemembered {
		t.Errorf("%d are remembered, at most %d are to be", n, web.MaxRemembered)
	}
}

// While somebody keeps the comparison busy, others wait a moment and are sent away:
// neither let in nor told that they are wrong.
func TestCrowdOfPasswords(t *testing.T) {
	auth, err := web.NewAuth(file(t, "alice:"+hashOf(t, "wonderland")), "")
	if err != nil {
		t.Fatal(err)
	}
	auth.SetWait(time.Millisecond)
	defer auth.Compare()()
	let := false
	handler := auth.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { let = true }), func(error) {})
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth("alice", "wonderland")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || answer.Header().Get("WWW-Authenticate") != "" || let {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestAuthFromManyAtOnce(t *testing.T) {
	g := guard(t, "alice:"+hashOf(t, "wonderland")+"\nbob:"+hashOf(t, "builder"), token)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for _, tt := range []struct {
				authorization string
				want          bool
			}{{basic("alice", "wonderland"), true}, {basic("bob", "wonderland"), false}, {"Bearer " + token, true}, {basic("bob", "builder"), true}} {
				if i%4 == 0 {
					g.move(web.SecretFileLook)
				}
				g.expect(tt.authorization, tt.want)
			}
		})
	}
	all.Wait()
}

func TestHostAndOriginAreCheckedBeforeWhoIsThere(t *testing.T) {
	g := guard(t, "", token)
	answer, body := g.get("/", "Host", "evil.example.com", "Authorization", "Bearer "+token)
	if answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("%s %s", answer.Status, body)
	}
}
