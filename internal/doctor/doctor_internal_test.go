package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

const accountDN = "uid=jamf.ldap," + directory.SampleBase

func startDirectory(t *testing.T, c directory.Config) *directory.Directory {
	t.Helper()
	d, err := directory.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return d
}

// optionsFor asks a directory as the sample's service account.
func optionsFor(d *directory.Directory, password string) Options {
	c := config.Default()
	c.Upstream.Servers, c.Upstream.Base = []string{"ldap://" + d.Addr()}, directory.SampleBase
	return Options{Config: c, Account: Account{DN: accountDN, Password: secret.New([]byte(password)), Knob: "--dn"}}
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, f := range r.Findings {
				t.Logf("%s %s: %s %q", f.Status, f.Check, f.Saw, f.Try)
			}
		}
	})
	return r
}

func (r *Report) of(t *testing.T, check string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no %s", check)
	return Finding{}
}

func TestChecksHaveNamesOfTheirOwn(t *testing.T) {
	before := map[string]bool{}
	for _, c := range Checks() {
		if before[c.ID] || c.ID == "" || c.Title == "" {
			t.Errorf("%+v", c)
		}
		before[c.ID] = true
	}
	for _, list := range [][]string{needsOf(serverChecks), needsOf(accountChecks), needsOf(listenerChecks), needsOf(throughChecks)} {
		for _, id := range list {
			if !before[id] {
				t.Errorf("a check needs %s, which is not there", id)
			}
		}
	}
}

func needsOf[T any](checks []check[T]) (all []string) {
	for _, c := range checks {
		all = append(all, c.needs...)
	}
	return all
}

// What needs a check that failed is skipped, and so is what needs that; both blame
// the one that failed.
func TestSkippedChecksBlameTheOneThatFailed(t *testing.T) {
	r := &runner{o: &Options{Now: time.Now}, report: &Report{}, blamed: map[string]string{}}
	is := func(f *Finding) func(int, context.Context) *Finding {
		return func(int, context.Context) *Finding { return f }
	}
	good := runAll(t.Context(), r, "part", []check[int]{
		{"a", "A", nil, is(fail("broken"))},
		{"b", "B", []string{"a"}, is(ok("never"))},
		{"c", "C", []string{"b"}, is(ok("never"))},
		{"d", "D", nil, is(nil)},
		{"e", "E", []string{"d"}, is(warn("a word", "do"))},
		{"f", "F", nil, is(skip("not wanted", "do"))},
		{"g", "G", []string{"f"}, is(ok("never"))},
	}, 0)
	var got []string
	for _, f := range r.report.Findings {
		got = append(got, fmt.Sprintf("%s %s %s", f.Check, f.Status, f.Because))
	}
	want := []string{"a fail ", "b skip a", "c skip a", "e warn ", "f skip ", "g skip f"}
	if fmt.Sprint(got) != fmt.Sprint(want) || good {
		t.Errorf("got %q, want %q", got, want)
	}
	r.report.sum()
	if r.report.First.Check != "a" || r.report.Failures != 1 || r.report.Skipped != 4 || len(r.report.Findings[0].Try) == 0 {
		t.Errorf("%+v", r.report)
	}
}

// When the time for all is over, the rest is skipped, and says so.
func TestTimeIsOver(t *testing.T) {
	r := &runner{o: &Options{Now: time.Now}, report: &Report{}, blamed: map[string]string{}}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	runAll(ctx, r, "part", []check[int]{{"a", "A", nil, func(int, context.Context) *Finding { return ok("never") }}}, 0)
	if f := r.report.Findings; len(f) != 1 || f[0].Status != Skip || !strings.Contains(f[0].Saw, "10m0s") {
		t.Errorf("%+v", f)
	}
}

// A directory that ends the connection now and then is asked again once, by the
// account that it knows; no more often.
func TestConnectionEnds(t *testing.T) {
	for times, want := range map[int]Status{1: OK, 2: Fail} {
		d := startDirectory(t, directory.Config{})
		o := optionsFor(d, directory.SamplePassword)
		cuts := 0
		o.End = func(f Finding) {
			if (f.Check == "users" || f.Check == "groups") && cuts < times {
				cuts++
				d.CloseClientConnections()
				time.Sleep(50 * time.Millisecond) // it is noticed at once or with the next question
			}
		}
		if f := run(t, o).of(t, "entryuuid"); f.Status != want {
			t.Errorf("after %d ends: %s, %s", times, f.Status, f.Saw)
		}
	}
}

func TestSlowDirectory(t *testing.T) {
	d := startDirectory(t, directory.Config{Latency: 5 * time.Millisecond})
	o := optionsFor(d, directory.SamplePassword)
	o.slow = time.Millisecond
	if f := run(t, o).of(t, "round-trip"); f.Status != Warn || !strings.Contains(f.Try[0], "cache: {") {
		t.Errorf("%+v", f)
	}
}

// TestMFA is about the host where users confirm logins, which no test can have.
func TestMFA(t *testing.T) {
	o := optionsFor(startDirectory(t, directory.Config{}), "x")
	a := &account{o: &o, server: &server{host: mfaHost}}
	for name, f := range map[string]*Finding{
		"refused": a.refused(answer{code: ldap.InvalidCredentials}, nil),
		"silent":  a.unanswered(&lateError{"upstream.bind_timeout", 65 * time.Second}),
	} {
		if f.Status != Fail || !strings.Contains(strings.Join(f.Try, "\n"), "exempt the account") || !strings.Contains(f.Saw+f.Try[0], mfaHost) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestAnswersToABind: each says what to do.
func TestAnswersToABind(t *testing.T) {
	o := optionsFor(startDirectory(t, directory.Config{}), "x")
	a := &account{o: &o, server: &server{host: "ldap.example.com"}}
	for code, want := range map[ldap.ResultCode]string{
		ldap.NoSuchObject: "Distinguished Username", ldap.InvalidDNSyntax: dnExample, strongerAuthRequired: "upstream.starttls: true",
		ldap.UnwillingToPerform: "bound to JumpCloud LDAP", ldap.InsufficientAccessRights: "active", ldap.Busy: "status.jumpcloud.com",
		ldap.Unavailable: "status.jumpcloud.com", ldap.OtherError: "check the DN",
	} {
		if f := a.refused(answer{code: code, diagnostic: "because"}, nil); !strings.Contains(strings.Join(f.Try, "\n"), want) || !strings.Contains(f.Saw, "because") {
			t.Errorf("%v: %+v", code, f)
		}
	}
	policy := goldap.NewControlBeheraPasswordPolicy()
	policy.Error, policy.ErrorString = changeAfterReset, "Password must be changed"
	if f := a.refused(answer{code: ldap.InvalidCredentials}, policy); !strings.Contains(f.Try[0], "set a new password") || !strings.Contains(f.Saw, "must be changed") {
		t.Errorf("%+v", f)
	}
}

// Names in a directory mean nothing to a terminal.
func TestHostileNames(t *testing.T) {
	const hostile = "\x1b[31mred\r\n\u202e"
	encoded := base64.StdEncoding.EncodeToString([]byte(hostile))
	entry := func(cn, class, more string) string {
		return "\ndn: cn=" + cn + "," + directory.SampleBase + "\nobjectClass: top\nobjectClass: " + class + "\ncn: " + cn + "\n" + more + "\n"
	}
	ldif := "dn: " + directory.SampleBase + "\nobjectClass: organizationalUnit\nou: Users\n"
	for uid, cn := range map[string]string{"jamf.ldap": " Jamf", "jon.snow": ": " + encoded} {
		ldif += "\ndn: uid=" + uid + "," + directory.SampleBase + "\nobjectClass: inetOrgPerson\nuid: " + uid + "\nsn: x\ncn:" + cn +
			"\njcLdapAdmin: TRUE\nuserPassword: " + directory.SamplePassword + "\n"
	}
	hex := ""
	for _, b := range []byte(hostile) {
		hex += fmt.Sprintf(`\%02x`, b)
	}
	for i, class := range []string{"groupOfNames", "groupOfNames", "posixGroup"} {
		member := "member: uid=" + hex + "," + directory.SampleBase
		if class == "posixGroup" {
			member = "memberUid:: " + base64.StdEncoding.EncodeToString([]byte("\x1b[31mred\r\n"))
		}
		ldif += strings.Replace(entry("NAME", class, member), "NAME", fmt.Sprintf("%s%d", hex, i), 2)
	}
	d := startDirectory(t, directory.Config{LDIF: strings.NewReader(ldif)})
	r := run(t, optionsFor(d, directory.SamplePassword))
	shown := false
	for _, f := range r.Findings {
		text := f.Part + f.Saw + strings.Join(f.Try, "")
		if i := strings.IndexFunc(text, func(c rune) bool { return unicode.In(c, unicode.Cc, unicode.Cf) }); i >= 0 {
			t.Errorf("%s prints %q", f.Check, text)
		}
		shown = shown || strings.Contains(text, `\x1b[31mred`)
	}
	if !shown {
		t.Error("the names are not shown at all")
	}
}

func TestPasswordsAreNotTold(t *testing.T) {
	const marker = "Pa55-marker"
	o := optionsFor(startDirectory(t, directory.Config{}), marker)
	r := run(t, o)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(text), fmt.Sprintf("%v %+v %#v", r, r, r), fmt.Sprintf("%v %+v %#v", o, o, o)} {
		if strings.Contains(s, marker) {
			t.Errorf("the password is told: %s", s)
		}
	}
	if r.First == nil || r.First.Check != "bind" {
		t.Errorf("first %+v", r.First)
	}
}

// A server that sends without end is cut off.
func TestServerSendsTooMuch(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() { _, _ = io.Copy(far, endless{}) }()
	defer far.Close()
	n, err := io.Copy(io.Discard, &metered{Conn: near, left: 100_000})
	if n != 100_000 || err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestUnusableServers are refused by the loader; here they are no more than a
// finding.
func TestUnusableServers(t *testing.T) {
	o := optionsFor(startDirectory(t, directory.Config{}), directory.SamplePassword)
	o.Config.Upstream.TLS.CA = "nowhere.pem"
	if f := run(t, o).of(t, "bind"); f.Status != Skip || f.Because != "resolve" {
		t.Errorf("%+v", f)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		counted(1, "day"): "1 day", counted(2, "day"): "2 days", counted(0, "entry"): "0 entries", counted(-1, "day"): "-1 day",
		listed([]string{"a", "b"}):                                 "a, b",
		listed([]string{"a", "b", "c", "d", "e", "f", "g"}):        "a, b, c, d, e and 2 more",
		name("uid=jon\\2csnow,ou=Users"):                           "jon,snow",
		name("nonsense"):                                           "nonsense",
		(&lateError{"upstream.bind_timeout", time.Second}).Error(): "no answer within 1s (upstream.bind_timeout)",
		shortly(1234567 * time.Nanosecond):                         "1.2ms",
		shortly(12345678 * time.Nanosecond):                        "12ms",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if _, refused := answerOf(errors.New("x")); refused {
		t.Error("any error is an answer")
	}
}
