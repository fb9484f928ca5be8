package lookup_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
)

func TestRecordAsJSON(t *testing.T) {
	r := search("membership", "(&(objectClass=groupOfNames)(cn=Dev)(member=uid=jon.snow,"+users+"))")
	r.Time = time.Date(2026, 3, 1, 21, 14, 3, 123_456_000, time.FixedZone("CET", 3600))
	r.ID, r.Result, r.ResultName, r.Total = 7, 0, "success", 4100*time.Microsecond
	got, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-03-01T20:14:03.123456Z","id":7,"conn":0,"client_addr":"","client_kind":"","bind_dn":"uid=jamf,` + users + `",` +
		`"op":"search","kind":"membership","base":"` + users + `","scope":"sub",` +
		`"filter":"(&(objectClass=groupOfNames)(cn=Dev)(member=uid=jon.snow,` + users + `))","attrs":[],"controls":[],` +
		`"size_limit":0,"time_limit":0,"bridged":false,"mode":"","rules":[],"hints":[],"cache":"",` +
		`"entries":0,"bytes":0,"result":0,"result_name":"success","diagnostic":"",` +
		`"ms":{"total":4.1,"queue":0,"upstream":0},` +
		`"user":"jon.snow","group":"Dev","shape":"(&(cn=?)(member=?)(objectClass=groupOfNames))","outcome":"empty"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// A record is the same JSON whether it is behind a pointer or not, and an encoder
// that does not escape for HTML leaves the & of filters alone.
func TestRecordInsideOtherJSON(t *testing.T) {
	r := search("user", "(&(uid=a)(cn=<b>))")
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{"value": r}); err != nil {
		t.Fatal(err)
	}
	text, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `{"value":`+string(text)+"}\n"; got != want || !strings.Contains(got, r.Filter) {
		t.Errorf("got  %swant %s", got, want)
	}
	escaped, err := json.Marshal(&r)
	if err != nil || bytes.ContainsAny(escaped, "<>&") {
		t.Errorf("json.Marshal: %s, error %v", escaped, err)
	}
}

// records draws any record that a proxy could have made, times as exact as JSON
// has them.
func records() *rapid.Generator[lookup.Record] {
	text := rapid.StringN(-1, -1, 30) // the log cuts no such text
	texts := rapid.SliceOfN(text, 0, 3)
	duration := rapid.Map(rapid.Int64Range(0, int64(100*time.Hour/time.Microsecond)), func(us int64) time.Duration {
		return time.Duration(us) * time.Microsecond
	})
	return rapid.Custom(func(t *rapid.T) lookup.Record {
		r := lookup.Record{
			Time: time.Unix(0, rapid.Int64Range(0, math.MaxInt64).Draw(t, "time")),
			ID:   rapid.Uint64().Draw(t, "id"), Conn: rapid.Uint64().Draw(t, "conn"),
			ClientAddr: text.Draw(t, "client"), ClientKind: text.Draw(t, "client kind"), BindDN: text.Draw(t, "bind DN"),
			Op: rapid.SampledFrom(lookup.Ops()).Draw(t, "op"), Kind: rapid.SampledFrom(lookup.Kinds()).Draw(t, "kind"),
			Base: text.Draw(t, "base"), Scope: rapid.SampledFrom([]string{"", "base", "one", "sub"}).Draw(t, "scope"), Filter: text.Draw(t, "filter"),
			Attrs: texts.Draw(t, "attrs"), Controls: texts.Draw(t, "controls"), Name: text.Draw(t, "name"),
			SizeLimit: rapid.IntRange(0, math.MaxInt32).Draw(t, "size limit"), TimeLimit: rapid.IntRange(0, math.MaxInt32).Draw(t, "time limit"),
			Bridged: rapid.Bool().Draw(t, "bridged"), Mode: text.Draw(t, "mode"), Cache: text.Draw(t, "cache"),
			Rules: texts.Draw(t, "rules"), Hints: texts.Draw(t, "hints"),
			Entries: rapid.Int().Draw(t, "entries"), Bytes: rapid.Int64().Draw(t, "bytes"),
			Result: rapid.IntRange(lookup.NoResult, math.MaxInt32).Draw(t, "result"), ResultName: text.Draw(t, "result name"), Diagnostic: text.Draw(t, "diagnostic"),
			Total: duration.Draw(t, "total"), Queue: duration.Draw(t, "queue"),
		}
		if rapid.Bool().Draw(t, "asked") {
			r.Upstream = lookup.UpstreamPart{
				Server: text.Draw(t, "server"), Base: text.Draw(t, "upstream base"), Filter: text.Draw(t, "upstream filter"),
				Attrs: texts.Draw(t, "upstream attrs"), Duration: duration.Draw(t, "upstream time"), Reused: rapid.Bool().Draw(t, "reused"),
			}
		}
		return r
	})
}

func TestRecordSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := records().Draw(t, "record")
		text, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		var got lookup.Record
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", text, diff)
		}
		again, err := json.Marshal(&got)
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%s became %s, error %v", text, again, err)
		}
	})
}

// Every field of a record is in its JSON, by itself: whoever adds one is told here.
func TestEveryFieldIsInTheJSON(t *testing.T) {
	var zero lookup.Record
	before, err := json.Marshal(&zero)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range fieldsOf(reflect.TypeFor[lookup.Record](), nil) {
		var r lookup.Record
		name := reflect.TypeFor[lookup.Record]().FieldByIndex(index).Name
		setField(t, reflect.ValueOf(&r).Elem().FieldByIndex(index))
		text, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(text, before) {
			t.Errorf("%s is not in the JSON of a record", name)
		}
		var got lookup.Record
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s is not read from JSON (-want +got):\n%s", name, diff)
		}
	}
}

// fieldsOf lists the exported fields of a struct of ours, and of the structs in it.
func fieldsOf(typ reflect.Type, above []int) [][]int {
	var all [][]int
	for i := range typ.NumField() {
		index := append(append([]int{}, above...), i)
		if f := typ.Field(i); f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
			all = append(all, fieldsOf(f.Type, index)...)
		} else if f.IsExported() {
			all = append(all, index)
		}
	}
	return all
}

func setField(t *testing.T, v reflect.Value) {
	switch v.Interface().(type) {
	case string:
		v.SetString("text")
	case []string:
		v.Set(reflect.ValueOf([]string{"text"}))
	case int, int64:
		v.SetInt(3)
	case uint64:
		v.SetUint(3)
	case bool:
		v.SetBool(true)
	case time.Duration:
		v.SetInt(int64(3 * time.Millisecond))
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(3, 0).UTC()))
	default:
		t.Fatalf("no value for a field of type %s", v.Type())
	}
}

func TestALineOfTheLogIsARecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := records().Draw(t, "record")
		r.Time = r.Time.Truncate(time.Microsecond)
		var got lookup.Record
		if err := json.Unmarshal(logLine(t, &r), &got); err != nil {
			t.Fatal(err)
		}
		asLogged := cmp.Transformer("clipped", func(s string) string { return lookup.Clip(s, 1024) }) // which does not change what it once changed
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty(), asLogged); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// The names of the JSON and of the log are the same, so that a search of one works
// on the other.
func TestLogAndJSONHaveTheSameNames(t *testing.T) {
	r := lookup.Record{Time: time.Unix(1, 0), Name: "x", Upstream: lookup.UpstreamPart{Server: "x"}}
	text, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	got, logged := names(t, text), names(t, logLine(t, &r))
	for _, name := range []string{"user", "group", "shape", "outcome"} {
		delete(got, name) // read out of others
	}
	for _, name := range []string{"level", "msg"} {
		delete(logged, name)
	}
	if diff := cmp.Diff(logged, got); diff != "" {
		t.Errorf("names of the log and of the JSON (-log +JSON):\n%s", diff)
	}
}

func names(t *testing.T, text []byte) map[string]bool {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for name, value := range object {
		all[name] = true
		if inner, ok := value.(map[string]any); ok {
			for below := range inner {
				all[name+"."+below] = true
			}
		}
	}
	return all
}

// logLine is what the JSON log writes of a record.
func logLine(t interface{ Fatal(...any) }, r *lookup.Record) []byte {
	var out bytes.Buffer
	logger, _, closeLog := logging.New(logging.Options{Out: &out, Format: logging.FormatJSON})
	logging.NewSink(logger).Write(r)
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOtherLinesOfTheLogAreNoLookups(t *testing.T) {
	var out bytes.Buffer
	logger, _, closeLog := logging.New(logging.Options{Out: &out, Format: logging.FormatJSON})
	logger.Info("listening", zap.String("listener", "127.0.0.1:1389"))
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	var r lookup.Record
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Op != "" {
		t.Errorf("%s is a record with op %q, error %v", out.Bytes(), r.Op, err)
	}
}

func TestJSONThatIsNoRecord(t *testing.T) {
	for _, text := range []string{"", "[]", `{"id":-1}`, `{"time":"yesterday"}`, `{"ms":"fast"}`, `{"attrs":"cn"}`} {
		r := lookup.Record{ID: 3}
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			t.Errorf("%s is taken for a record", text)
		}
		if r.ID != 3 {
			t.Errorf("%s changed the record", text)
		}
	}
	var r lookup.Record
	if err := json.Unmarshal([]byte(`{"op":"search","ms":{"total":0.0004999},"from_tomorrow":1}`), &r); err != nil || fmt.Sprint(r.Total) != "0s" {
		t.Errorf("error %v, total %s", err, r.Total)
	}
}
