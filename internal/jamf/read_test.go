package jamf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/simulate"
)

const base = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"

func export(t *testing.T, name string) (*Server, []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, ignored, err := Read(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s, ignored
}

func TestReadExport(t *testing.T) {
	s, ignored := export(t, "proxy.xml")
	if len(ignored) > 0 {
		t.Errorf("ignored %q", ignored)
	}
	want := Connection{
		ID: 3, Name: "JumpCloud via proxy", Host: "ldap-proxy.example.com", Port: 1636, Type: "Custom", UseSSL: true, Authentication: "simple",
		AccountDN: "uid=jamf.ldap," + base, ConnectionTimeout: 15, SearchTimeout: 60, Referral: "ignore", UseWildcards: true, Enabled: true,
	}
	if diff := cmp.Diff(want, s.Connection); diff != "" {
		t.Error(diff)
	}
	m := simulate.Default(base)
	m.Users.Phone = "telephoneNumber"
	if diff := cmp.Diff(m, s.Mappings()); diff != "" {
		t.Error(diff)
	}
	fromJSON, ignored := export(t, "proxy.json")
	if diff := cmp.Diff(s, fromJSON); diff != "" || len(ignored) > 0 {
		t.Errorf("JSON reads otherwise than XML, ignored %q: %s", ignored, diff)
	}
}

func TestReadOtherSpellings(t *testing.T) {
	s, ignored := export(t, "old-names.xml")
	want := []string{"connection/colour", "mappings_for_users/user_mappings/map_shoe_size"}
	if diff := cmp.Diff(want, ignored); diff != "" {
		t.Error(diff)
	}
	if s.Connection.ID != 9 || s.Connection.Name != "Old & new" || s.Users.Phone != "telephoneNumber" || s.Connection.Certificate != "TUlJ" {
		t.Errorf("%+v, phone %q", s.Connection, s.Users.Phone)
	}
	if c := s.Connection; c.Port != 389 || c.ConnectionTimeout != 15 || c.SearchTimeout != 60 || !c.UseWildcards || !c.Enabled {
		t.Errorf("what is left out is not as Jamf has it by itself: %+v", c)
	}
	for _, f := range s.Fields() {
		if strings.Contains(f.Value, "hunter2") {
			t.Errorf("a password in %s", f.Path)
		}
	}
}

func TestMappingsOfUserObjects(t *testing.T) {
	s, _ := export(t, "active-directory.xml")
	m := s.Mappings()
	if m.Membership != (simulate.MembershipMappings{StoredIn: simulate.UserObject, Attribute: "memberOf", UseDN: true}) {
		t.Errorf("membership %+v", m.Membership)
	}
	if m.UseWildcards || m.SearchTimeout != time.Minute || !cmp.Equal(m.Users.ObjectClasses, []string{"organizationalPerson", "user"}) {
		t.Errorf("%+v", m)
	}
}

// Whoever names the wrong file is told what it is, and what to save instead.
func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":      "neither XML nor JSON",
		"hello": "neither XML nor JSON",
		"<ldap_servers><size>1</size><ldap_server><id>1</id></ldap_server></ldap_servers>": "the list of all LDAP servers",
		`{"ldap_servers":[{"id":1,"name":"x"}]}`:                                           "the list of all LDAP servers",
		"<html><body>Unauthorized</body></html>":                                           "a web page",
		"<computer><id>1</id></computer>":                                                  "begins with <computer>",
		"<ldap_server></ldap_server>":                                                      "no field of an LDAP server",
		`{"name":"x"}`:                                                                     "no field of an LDAP server",
		"<ldap_server><connection><name>x":                                                 "reading XML",
		`{"ldap_server":{"connection":`:                                                    "reading JSON",
		"<ldap_server><connection><port>high</port></connection></ldap_server>":            `connection/port: "high" is no number`,
		"<ldap_server><connection><use_ssl>yes</use_ssl></connection></ldap_server>":       `connection/use_ssl: "yes" is neither true nor false`,
		"<ldap_server>" + strings.Repeat("<a>", 100):                                       "nested too deeply",
		`{"a":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 101):            "nested too deeply",
		"<ldap_server>" + strings.Repeat(" ", maxExport):                                   "larger than 1024 KiB",
	} {
		if s, _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q gives %v, %v; want an error with %q", text, s, err, want)
		}
	}
}

// FuzzRead: what is written of a server that was read can be read, and is written the same.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"proxy.xml", "proxy.json", "old-names.xml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, _, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := s.WriteXML(&out); err != nil {
			t.Fatal(err)
		}
		again, ignored, err := Read(strings.NewReader(out.String()))
		if err != nil || len(ignored) > 0 {
			t.Fatalf("%q, written as %s: error %v, ignored %q", text, out.String(), err, ignored)
		}
		var same strings.Builder
		if err := again.WriteXML(&same); err != nil || same.String() != out.String() {
			t.Fatalf("error %v, first (-) and second (+):\n%s", err, cmp.Diff(out.String(), same.String()))
		}
		_ = Check(site(ModePosix), s, time.Now())
	})
}
