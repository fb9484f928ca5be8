package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jamf-ldap-proxy/configs"
)

// TestFullNamesEveryKey holds full.yaml against the types: a key added in any
// package has to appear there, with its default and a comment.
func TestFullNamesEveryKey(t *testing.T) {
	text := fullExample()
	l := newLoader("full.yaml")
	if _, err := l.load([]byte(text), nil); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for path := range l.at {
		named[withoutIndexes(path)] = true
	}
	for _, key := range Keys() {
		if !named[key] {
			t.Errorf("full.yaml does not name %s", key)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		_, value, isKey := strings.Cut(strings.TrimLeft(line, " -"), ": ")
		above := strings.Split(text, "\n")[max(0, i-1)]
		if isKey && value != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.HasPrefix(strings.TrimSpace(above), "#") {
			t.Errorf("full.yaml:%d has no comment above it: %s", i+1, line)
		}
	}
}

func TestFullIsDefault(t *testing.T) {
	data, err := configs.Files.ReadFile("full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	// These two are required and have no default.
	if len(got.Upstream.Servers) == 0 || got.Upstream.Base == "" {
		t.Error("full.yaml lacks what is required")
	}
	got.Upstream.Servers, got.Upstream.Base, got.Groups.Base = nil, "", ""
	if diff := cmp.Diff(Default(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("full.yaml differs from the defaults (-default +file):\n%s", diff)
	}
}

// TestEveryTypeIsReadable: setScalar panics on a type that it cannot read, which
// a field added in another package could bring.
func TestEveryTypeIsReadable(t *testing.T) {
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch {
		case isSection(v.Type()):
			for _, f := range fieldsOf(v.Type()) {
				visit(v.Field(f.index))
			}
		case isList(v.Type()):
			visit(newItem(v.Type().Elem()))
		default:
			setScalar(v, scalar{text: "1"})
		}
	}
	visit(reflect.New(reflect.TypeFor[Config]()).Elem())
}

func TestVariableNamesAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		name := variableName(key)
		if other, twice := seen[name]; twice {
			t.Errorf("%s and %s are the same variable %s", key, other, name)
		}
		if setByKubernetes(EnvPrefix+name, "x") {
			t.Errorf("%s looks like a variable of Kubernetes", name)
		}
		seen[name] = key
	}
}

func TestNearest(t *testing.T) {
	names := []string{"servers", "base", "starttls", "tls", "certificate", "address", "allow"}
	for word, want := range map[string]string{
		"server": "servers", "Servers": "servers", "start_tls": "starttls", "base_dn": "base", "cert": "certificate",
		"adress": "address", "tsl": "tls", "colour": "", "x": "", "": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestMaskLines(t *testing.T) {
	in := `upstream:
  password: hunter2 # hunter2
  service_account: { dn: x, password_file: pw.txt }
  list: [{ dn: x, "bindPassword": 'hunter3' }]
  secret_token: |
    hunter4

    hunter5
  base: x
  url: ldap://me:hunter6@host
  key: |
    -----BEGIN PRIVATE KEY-----
    hunter7
    -----END PRIVATE KEY-----
  masked_attributes: [userPassword]
  level: info`
	want := `upstream:
  password: (hidden)
  service_account: { dn: x, password_file: pw.txt }
  list: [{ dn: x, "bindPassword": (hidden)
  secret_token: (hidden)
    (hidden)

    (hidden)
  base: x
  url: ldap://(hidden)@host
  key: |
    (hidden)
    (hidden)
    (hidden)
  masked_attributes: [userPassword]
  level: info`
	if diff := cmp.Diff(strings.Split(want, "\n"), maskLines(strings.Split(in, "\n"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSnippetOfALongLine(t *testing.T) {
	s := newSource([]byte("a: " + strings.Repeat("x", 500) + "!" + strings.Repeat("y", 500) + "\n\tb\n"))
	lines := strings.Split(s.snippet(1, 504), "\n")
	if mark := strings.Index(lines[1], "^"); len(lines[0]) > 150 || lines[0][mark] != '!' {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
	if got, want := s.snippet(2, 2), "    2 | \tb\n      | \t^"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.snippet(99, 1); got != "" {
		t.Errorf("a line that is not there is quoted as %q", got)
	}
}
