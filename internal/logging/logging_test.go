package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
)

const base = "ou=Users,o=5f0e,dc=jumpcloud,dc=com"

// groupSearch is Jamf looking up a group by name, bridged.
func groupSearch() *lookup.Record {
	return &lookup.Record{
		Time: time.Date(2026, 3, 1, 20, 14, 3, 123_456_789, time.UTC), ID: 42, Conn: 7,
		ClientAddr: "10.0.0.5:40112", ClientKind: lookup.ClientJNDI, BindDN: "uid=jamf," + base,
		Op: lookup.OpSearch, Kind: lookup.KindGroup, Base: base, Scope: "sub",
		Filter: "(&(objectClass=groupOfNames)(cn=gameOfThrones))", Attrs: []string{"cn", "gidNumber"},
		Controls: []string{"2.16.840.1.113730.3.4.2"}, SizeLimit: 1000, TimeLimit: 30,
		Upstream: lookup.UpstreamPart{
			Server: "ldap.jumpcloud.com:636", Base: base, Filter: "(&(objectClass=posixGroup)(cn=got))",
			Attrs: []string{"cn", "gidNumber"}, Duration: 3900 * time.Microsecond, Reused: true,
		},
		Bridged: true, Mode: "posix", Rules: []string{"class", "member-dn"},
		Cache: lookup.CacheMiss, Entries: 1, Bytes: 345, Result: 0, ResultName: "success",
		Total: 4100 * time.Microsecond, Queue: 50 * time.Microsecond,
	}
}

// logged returns what the log shows of records, or of anything else that f logs.
func logged(t *testing.T, o logging.Options, f func(*zap.Logger, lookup.Sink)) string {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	logger, _, closeLog := logging.New(o)
	f(logger, logging.NewSink(logger))
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestJSONLineOfALookup(t *testing.T) {
	got := logged(t, logging.Options{}, func(_ *zap.Logger, s lookup.Sink) { s.Write(groupSearch()) })
	want := `{"level":"info","time":"2026-03-01T20:14:03.123456Z","msg":"lookup",` +
		`"id":42,"conn":7,"client_addr":"10.0.0.5:40112","client_kind":"jndi","bind_dn":"uid=jamf,` + base + `",` +
		`"op":"search","kind":"group","base":"` + base + `","scope":"sub",` +
		`"filter":"(&(objectClass=groupOfNames)(cn=gameOfThrones))","attrs":["cn","gidNumber"],` +
		`"controls":["2.16.840.1.113730.3.4.2"],"size_limit":1000,"time_limit":30,` +
		`"upstream":{"server":"ldap.jumpcloud.com:636","base":"` + base + `","filter":"(&(objectClass=posixGroup)(cn=got))",` +
		`"attrs":["cn","gidNumber"],"ms":3.9,"reused":true},` +
		`"bridged":true,"mode":"posix","rules":["class","member-dn"],"hints":[],"cache":"miss",` +
		`"entries":1,"bytes":345,"result":0,"result_name":"success","diagnostic":"",` +
		`"ms":{"total":4.1,"queue":0.05,"upstream":3.9}}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestJSONLineOfALookupThatAskedNobody(t *testing.T) {
	got := logged(t, logging.Options{}, func(_ *zap.Logger, s lookup.Sink) {
		s.Write(&lookup.Record{Op: lookup.OpExtended, Name: "1.3.6.1.4.1.4203.1.11.3"})
	})
	if strings.Contains(got, `"upstream":{`) {
		t.Errorf("upstream is shown: %s", got)
	}
	if !strings.Contains(got, `"name":"1.3.6.1.4.1.4203.1.11.3"`) {
		t.Errorf("the extended operation has no name: %s", got)
	}
}

func TestHostileLookupStaysOneShortValidLine(t *testing.T) {
	huge := strings.Repeat("(cn=\xff\n\x1b[2Jö)", 100_000)
	r := &lookup.Record{
		Op: lookup.OpSearch, Filter: huge, BindDN: huge, Base: huge, Name: huge, Diagnostic: huge,
		Attrs: slices.Repeat([]string{huge}, 1000), Controls: slices.Repeat([]string{"\n"}, 32), Hints: []string{huge},
		Upstream: lookup.UpstreamPart{Server: "s", Base: huge, Filter: huge, Attrs: slices.Repeat([]string{huge}, 1000)},
	}
	write := func(_ *zap.Logger, s lookup.Sink) { s.Write(r) }

	line := logged(t, logging.Options{}, write)
	if len(line) > 50_000 || strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
		t.Errorf("%d bytes in %d lines, valid: %t", len(line), strings.Count(line, "\n"), json.Valid([]byte(line)))
	}
	var fields struct{ Filter string }
	if err := json.Unmarshal([]byte(line), &fields); err != nil || len(fields.Filter) > 2048 {
		t.Errorf("filter of %d bytes, error %v", len(fields.Filter), err)
	}

	lines := logged(t, logging.Options{Format: logging.FormatConsole, Terminal: true}, write)
	if len(lines) > 10_000 || strings.Contains(lines, "\x1b") {
		t.Errorf("the console shows %d bytes: %.300q", len(lines), lines)
	}
}

func TestLevelTellsFailedServiceFromAnswers(t *testing.T) {
	for code, want := range map[int]string{
		0: "info", 5: "info", 32: "info", 49: "info", 53: "info", lookup.NoResult: "info",
		3: "warn", 51: "warn", 52: "warn", 80: "warn",
	} {
		got := logged(t, logging.Options{}, func(_ *zap.Logger, s lookup.Sink) { s.Write(&lookup.Record{Result: code}) })
		if !strings.HasPrefix(got, `{"level":"`+want+`"`) {
			t.Errorf("result %d is logged as %.20s, want %s", code, got, want)
		}
		quiet := logged(t, logging.Options{Level: zapcore.WarnLevel}, func(_ *zap.Logger, s lookup.Sink) { s.Write(&lookup.Record{Result: code}) })
		if shown := quiet != ""; shown != (want == "warn") {
			t.Errorf("result %d at level warn: shown = %t", code, shown)
		}
	}
}

func TestLevelChangesWhileRunning(t *testing.T) {
	var out bytes.Buffer
	logger, level, closeLog := logging.New(logging.Options{Out: &out})
	logger.Debug("hidden")
	level.SetLevel(zapcore.DebugLevel)
	logger.Debug("shown")
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "shown") {
		t.Errorf("log: %s", got)
	}
}

func TestStructsAreNeverPrinted(t *testing.T) {
	secret := struct{ Password string }{"hunter2"}
	for _, format := range []logging.Format{logging.FormatJSON, logging.FormatConsole, logging.FormatSlapd} {
		got := logged(t, logging.Options{Format: format}, func(l *zap.Logger, _ lookup.Sink) {
			l.With(zap.Any("context", &secret)).Info("hello", zap.Any("config", secret),
				zap.Any("map", map[string]any{"x": secret}), zap.Any("list", []any{secret}))
		})
		if strings.Contains(got, "hunter2") || !strings.Contains(got, "not logged") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestFormatNames(t *testing.T) {
	for text, want := range map[string]logging.Format{
		"": logging.FormatAuto, "auto": logging.FormatAuto, "json": logging.FormatJSON, "console": logging.FormatConsole, "slapd": logging.FormatSlapd,
	} {
		var f logging.Format
		if err := f.UnmarshalText([]byte(text)); err != nil || f != want {
			t.Errorf("%q is %q, %v; want %q", text, f, err, want)
		}
	}
	var f logging.Format
	err := f.UnmarshalText([]byte("xml"))
	if want := `log format: want json, console, slapd or auto (got "xml")`; fmt.Sprint(err) != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestAutoIsConsoleOnATerminalOnly(t *testing.T) {
	for terminal, want := range map[bool]string{false: `{"level":`, true: "20:14:03.123 search"} {
		for _, format := range []logging.Format{logging.FormatAuto, ""} {
			got := logged(t, logging.Options{Format: format, Terminal: terminal}, func(_ *zap.Logger, s lookup.Sink) { s.Write(groupSearch()) })
			if !strings.HasPrefix(got, want) {
				t.Errorf("terminal %t: %s", terminal, got)
			}
		}
	}
}

func TestClosingTwiceIsHarmless(t *testing.T) {
	_, _, closeLog := logging.New(logging.Options{})
	if err := errors.Join(closeLog(), closeLog()); err != nil {
		t.Error(err)
	}
}
