package logging_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
)

var plainConsole = logging.Options{Format: logging.FormatConsole}

// consoleRecords is a morning with Jamf: each record shows another shape of line.
func consoleRecords() []*lookup.Record {
	variant := func(change func(*lookup.Record)) *lookup.Record {
		r := groupSearch()
		change(r)
		return r
	}
	return []*lookup.Record{
		variant(func(r *lookup.Record) {
			*r = lookup.Record{Time: r.Time, Op: lookup.OpBind, Kind: lookup.KindBind, BindDN: r.BindDN, ResultName: "success", Total: 12 * time.Millisecond}
		}),
		groupSearch(),
		variant(func(r *lookup.Record) {
			r.Kind, r.Filter = lookup.KindUserGroups, "(&(objectClass=groupOfNames)(member=uid=jon.snow,"+base+"))"
			r.Upstream.Filter = "(&(objectClass=posixGroup)(memberUid=jon.snow))"
			r.Entries = 0
			r.Hints = []string{"uid-case: no group holds jon.snow; Jon.Snow is in 3 groups"}
		}),
		variant(func(r *lookup.Record) {
			r.Kind, r.Base, r.Scope = lookup.KindMembership, "cn=LDAP Fileserver,"+base, "base"
			r.Filter, r.Cache = "(member=uid=jon.snow,"+base+")", lookup.CacheHit
			r.Total = 90 * time.Microsecond
		}),
		variant(func(r *lookup.Record) {
			r.Kind, r.Filter, r.Bridged = lookup.KindUser, `(&(objectClass=inetOrgPerson)(|(uid=*sn\c3\b6*)(cn=*sn\c3\b6*)))`, false
			r.Entries, r.Total = 23, 1500*time.Millisecond
		}),
		variant(func(r *lookup.Record) {
			r.Op, r.Kind, r.Base, r.Scope = lookup.OpCompare, lookup.KindMembership, "cn=gameOfThrones,"+base, ""
			r.Filter, r.Result, r.ResultName = "(memberUid=jon.snow)", 5, "compareFalse"
		}),
		variant(func(r *lookup.Record) {
			*r = lookup.Record{
				Time: r.Time, ClientAddr: r.ClientAddr, Op: lookup.OpBind, Kind: lookup.KindBind, BindDN: r.BindDN,
				Result: 49, ResultName: "invalidCredentials", Diagnostic: "Invalid DN or password", Total: 80 * time.Millisecond,
			}
		}),
		variant(func(r *lookup.Record) {
			r.Kind, r.Filter, r.Bridged, r.Entries = lookup.KindUser, "(&(objectClass=inetOrgPerson)(uid=arya))", false, 0
			r.Result, r.ResultName, r.Diagnostic = 52, "unavailable", "dialing ldap.jumpcloud.com:636: connection refused"
		}),
		variant(func(r *lookup.Record) {
			*r = lookup.Record{Time: r.Time, Op: lookup.OpSearch, Kind: lookup.KindRootDSE, Scope: "base", Filter: "(objectClass=*)", Entries: 1, ResultName: "success"}
		}),
		variant(func(r *lookup.Record) {
			*r = lookup.Record{Time: r.Time, Op: lookup.OpExtended, Kind: lookup.KindOther, Name: "1.3.6.1.4.1.1466.20037", ResultName: "success"}
		}),
		variant(func(r *lookup.Record) {
			*r = lookup.Record{Time: r.Time, Op: lookup.OpUnbind, Kind: lookup.KindOther, Result: lookup.NoResult}
		}),
	}
}

const consoleGolden = `
20:14:03.123 bind                 jamf                                            12.0 ms  success
20:14:03.123 search   group       gameOfThrones                         1 entry    4.1 ms  success  bridged: class,member-dn
20:14:03.123 search   user-groups member=jon.snow                     0 entries    4.1 ms  success  bridged: class,member-dn
             hint: uid-case: no group holds jon.snow; Jon.Snow is in 3 groups
             asked (&(objectClass=groupOfNames)(member=uid=jon.snow,ou=Users,o=5f0e,dc=jumpcloud,dc=com)) at ou=Users,o=5f0e,dc=jumpcloud,dc=com
             upstream (&(objectClass=posixGroup)(memberUid=jon.snow)) at ou=Users,o=5f0e,dc=jumpcloud,dc=com
20:14:03.123 search   membership  LDAP Fileserver member=jon.snow       1 entry    0.1 ms  success  bridged: class,member-dn  cache hit
20:14:03.123 search   user        *snö*                              23 entries    1.50 s  success
20:14:03.123 compare  membership  gameOfThrones memberUid=jon.snow                 4.1 ms  compareFalse  bridged: class,member-dn
20:14:03.123 bind                 jamf                                            80.0 ms  invalidCredentials
             said: Invalid DN or password
             from 10.0.0.5:40112 as uid=jamf,ou=Users,o=5f0e,dc=jumpcloud,dc=com
20:14:03.123 search   user        arya                                0 entries    4.1 ms  unavailable
             said: dialing ldap.jumpcloud.com:636: connection refused
             from 10.0.0.5:40112 as uid=jamf,ou=Users,o=5f0e,dc=jumpcloud,dc=com
             asked (&(objectClass=inetOrgPerson)(uid=arya)) at ou=Users,o=5f0e,dc=jumpcloud,dc=com
20:14:03.123 search   rootdse                                           1 entry    0.0 ms  success
20:14:03.123 extended             StartTLS                                         0.0 ms  success
20:14:03.123 unbind                                                                0.0 ms  no answer
`

func TestConsoleLinesOfLookups(t *testing.T) {
	got := logged(t, plainConsole, func(_ *zap.Logger, s lookup.Sink) {
		for _, r := range consoleRecords() {
			s.Write(r)
		}
	})
	if diff := cmp.Diff(strings.Split(consoleGolden[1:], "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("console (-want +got):\n%s\nall of it:\n%s", diff, got)
	}
}

func TestConsoleExplainsHints(t *testing.T) {
	o := plainConsole
	o.HintText = func(name string) string { return map[string]string{"uppercase-uid": "Write it small."}[name] }
	got := logged(t, o, func(_ *zap.Logger, s lookup.Sink) {
		r := groupSearch()
		r.Hints = []string{"uppercase-uid", "unheard-of"}
		s.Write(r)
	})
	want := "             hint: uppercase-uid: Write it small.\n             hint: unheard-of\n"
	if _, details, _ := strings.Cut(got, "\n"); details != want {
		t.Errorf("hints are shown as\n%s", details)
	}
}

func TestConsoleSubjects(t *testing.T) {
	for filter, want := range map[string]string{
		"(&(objectClass=group)(cn=**))":                        "*",
		"(&(objectClass=groupOfNames)(gidNumber=7001))":        "gidNumber=7001",
		"(objectClass=*)":                                      "",
		`(cn=a\28b\29)`:                                        "a(b)",
		`(member=cn=Smith\5c, John,ou=x)`:                      "member=Smith, John",
		"(|(uid=jon)(mail=jon@example.com))":                   "jon jon@example.com",
		"(cn>=a)":                                              "a",
		"(&(cn=Dev)(member=uid=jdoe,ou=Users))":                "Dev member=jdoe",
		"not a filter":                                         "",
		"(cn=a name that is longer than the column for names)": "a name that is longer than the …",
	} {
		got := logged(t, plainConsole, func(_ *zap.Logger, s lookup.Sink) {
			r := groupSearch()
			r.Filter = filter
			s.Write(r)
		})
		column := strings.TrimSpace(string([]rune(got)[34:68]))
		if column != want {
			t.Errorf("%s is shown as %q, want %q", filter, column, want)
		}
	}
}

func TestConsoleColoursOnlyOnAColourTerminal(t *testing.T) {
	write := func(_ *zap.Logger, s lookup.Sink) {
		for _, r := range consoleRecords() {
			s.Write(r)
		}
	}
	t.Setenv("NO_COLOR", "")
	coloured := logged(t, logging.Options{Format: logging.FormatConsole, Terminal: true, Color: true}, write)
	for _, want := range []string{
		"\x1b[32msuccess\x1b[0m", "\x1b[31minvalidCredentials\x1b[0m", "\x1b[32mcompareFalse\x1b[0m",
		"\x1b[33mhint: uid-case", "\x1b[33m  0 entries\x1b[0m",
	} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q in\n%s", want, coloured)
		}
	}
	plain := logged(t, plainConsole, write)
	if got := stripColour(coloured); got != plain {
		t.Errorf("colour changes the text (-plain +coloured):\n%s", cmp.Diff(plain, got))
	}
	for name, o := range map[string]logging.Options{
		"piped":    {Format: logging.FormatConsole, Color: true},
		"unwanted": {Format: logging.FormatConsole, Terminal: true},
	} {
		if got := logged(t, o, write); strings.Contains(got, "\x1b") {
			t.Errorf("%s: coloured", name)
		}
	}
	t.Setenv("NO_COLOR", "1")
	if got := logged(t, logging.Options{Terminal: true, Color: true}, write); strings.Contains(got, "\x1b") {
		t.Error("coloured although NO_COLOR is set")
	}
}

func stripColour(s string) string {
	for _, code := range []string{"0", "1", "2", "31", "32", "33", "36"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	return s
}

func TestConsoleLinesOfTheProgram(t *testing.T) {
	got := logged(t, plainConsole, func(l *zap.Logger, _ lookup.Sink) {
		l = l.With(zap.String("listener", "127.0.0.1:1389"))
		l.Info("listening", zap.Strings("protocols", []string{"ldap", "starttls"}), zap.Int("limit", 2000))
		l.Warn("reloading failed", zap.Error(errors.New("reading proxy.yaml: no such\nfile")), zap.Duration("after", 1500*time.Millisecond))
		l.Named("upstream").Error("down", zap.Bool("again", true), zap.String("empty", ""),
			zap.Time("since", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
			zap.Dict("server", zap.String("host", "dc1"), zap.Int("port", 636)))
	})
	want := strings.Join([]string{
		`info  listening listener=127.0.0.1:1389 protocols=ldap,starttls limit=2000`,
		`warn  reloading failed listener=127.0.0.1:1389 error="reading proxy.yaml: no such\\x0afile" after=1.5s`,
		`error upstream: down listener=127.0.0.1:1389 again=true empty="" since=2026-01-02T03:04:05Z server=host=dc1,port=636`,
		``,
	}, "\n")
	var lines []string
	for line := range strings.SplitSeq(got, "\n") {
		if len(line) > 13 {
			line = line[13:] // the time
		}
		lines = append(lines, line)
	}
	if diff := cmp.Diff(want, strings.Join(lines, "\n")); diff != "" {
		t.Errorf("console (-want +got):\n%s", diff)
	}
}
