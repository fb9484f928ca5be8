package jamf

import (
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/simulate"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// site is a proxy on another machine than Jamf, without TLS at first.
func site(mode string, change ...func(*Site)) *Site {
	s := &Site{
		Listeners: []Listener{{Address: "0.0.0.0:1636", LDAPS: true, File: "proxy.pem"}, {Address: "127.0.0.1:1389"}},
		Hostname:  "ldap-proxy.example.com", Base: base, Directory: []string{"ldap.jumpcloud.com"}, Account: "uid=jamf.ldap," + base,
		Mode: mode, LegacyClass: "groupOfNames", LongestBind: 15 * time.Second, LongestSearch: time.Minute,
	}
	for _, f := range change {
		f(s)
	}
	return s
}

// findings are those of a level other than ok, as level label.
func findings(site *Site, s *Server) string {
	var list []string
	for _, f := range Check(site, s, now) {
		if f.Level != OK {
			list = append(list, string(f.Level)+" "+f.Label)
		}
	}
	return strings.Join(list, "; ")
}

// What is recommended passes its own check, in every mode.
func TestRecommendedIsRight(t *testing.T) {
	for _, mode := range []string{ModeOff, ModePosix, ModeMerge} {
		for _, class := range []string{"groupOfNames", "groupOfUniqueNames"} {
			s := site(mode, func(s *Site) { s.LegacyClass = class })
			server := Recommend(s)
			server.Connection.Certificate = "there is one"
			if got := findings(s, server); got != "" {
				t.Errorf("mode %s, %s: %s", mode, class, got)
			}
		}
	}
}

func TestSettingsTellEveryField(t *testing.T) {
	list := Settings(site(ModePosix))
	for _, s := range list {
		if s.Label == "" || s.Value == "" || s.Why == "" {
			t.Errorf("%+v says nothing", s)
		}
	}
	said := map[string]string{}
	for _, s := range list {
		said[s.Section+" "+s.Label] = s.Value
	}
	for label, want := range map[string]string{
		"Connection Server": "ldap-proxy.example.com", "Connection Port": "1636", "Connection Use SSL": "ticked",
		"Connection Certificate": "upload the root of proxy.pem", "Connection Password": "(that of this user)",
		"Connection Directory Service": "Configure Manually", "User Group Mappings Group ID": "gidNumber",
		"User Group Membership Mappings Membership Location": "Group Object", "User Group Membership Mappings " + labelMemberDN: "ticked",
	} {
		if said[label] != want {
			t.Errorf("%s is %q, want %q", label, said[label], want)
		}
	}
}

// Each change breaks one thing, or none, in the modes named.
func TestCheckMappings(t *testing.T) {
	const bridged, all = "posix merge", "posix merge off"
	for _, c := range []struct {
		what, modes string
		change      func(*Server)
		want        string
	}{
		{"nothing", bridged, func(*Server) {}, ""},
		{"groups of JumpCloud as they are", "off", func(*Server) {}, "warn Object Class(es); fail Group ID"},

		{"no search base", bridged, func(s *Server) { s.Users.SearchBase = "" }, "fail Search Base"},
		{"no DN", bridged, func(s *Server) { s.Groups.SearchBase = "Users" }, "fail Search Base"},
		{"another organisation", bridged, func(s *Server) { s.Groups.SearchBase = "ou=Users,o=other,dc=jumpcloud,dc=com" }, "fail Search Base"},
		{"above the base", bridged, func(s *Server) { s.Users.SearchBase = "dc=jumpcloud,dc=com" }, "warn Search Base"},
		{"above the base, one level", bridged, func(s *Server) {
			s.Users.SearchBase, s.Users.SearchScope = "dc=jumpcloud,dc=com", simulate.FirstLevelOnly
		}, "fail Search Base"},
		{"below the base", bridged, func(s *Server) { s.Users.SearchBase = "ou=x," + base }, "warn Search Base"},
		{"one level", bridged, func(s *Server) {
			s.Users.SearchScope, s.Groups.SearchScope = simulate.FirstLevelOnly, simulate.FirstLevelOnly
		}, ""},
		{"the base in other letters", bridged, func(s *Server) { s.Users.SearchBase = strings.ToUpper(base) }, ""},

		{"users of Active Directory", bridged, func(s *Server) { s.Users.ObjectClasses = []string{"user"} }, "fail Object Class(es)"},
		{"users of any class", bridged, func(s *Server) { s.Users.ObjectClasses = nil }, "warn Object Class(es)"},
		{"one class too many", bridged, func(s *Server) { s.Users.ObjectClasses = []string{"inetOrgPerson", "user"} }, "fail Object Class(es)"},
		{"one of two classes", bridged, func(s *Server) {
			s.Users.ObjectClasses, s.Users.AnyOrAll = []string{"inetOrgPerson", "user"}, simulate.Any
		}, ""},
		{"groups as users", bridged, func(s *Server) { s.Users.ObjectClasses = []string{"groupOfNames"} }, "fail Object Class(es)"},
		{"users and groups as users", bridged, func(s *Server) {
			s.Users.ObjectClasses, s.Users.AnyOrAll = []string{"inetOrgPerson", "groupOfNames"}, simulate.Any
		}, "warn Object Class(es)"},
		{"no user name", bridged, func(s *Server) { s.Users.Username = "" }, "fail Username"},
		{"mail as user name", bridged, func(s *Server) { s.Users.Username = "mail" }, ""},
		{"full name as user name", bridged, func(s *Server) { s.Users.Username = "cn" }, "warn Username"},
		{"attribute of Active Directory", bridged, func(s *Server) { s.Users.Username = "SAMAccountName" }, "fail Username"},
		{"no attribute", bridged, func(s *Server) { s.Users.Room = "a b" }, "fail Room"},
		{"no user ID", bridged, func(s *Server) { s.Users.UserID = "" }, "fail User ID"},
		{"no user UUID", bridged, func(s *Server) { s.Users.UUID = "" }, "warn User UUID"},
		{"number as user UUID", bridged, func(s *Server) { s.Users.UUID = "uidNumber" }, ""},
		{"whole addresses with a suffix", bridged, func(s *Server) { s.Users.AppendToEmail = "@example.com" }, "warn Append to Email Results"},

		{"groups of another class", bridged, func(s *Server) { s.Groups.ObjectClasses = []string{"groupOfUniqueNames"} }, "fail Object Class(es)"},
		{"groups of Active Directory", all, func(s *Server) { s.Groups.ObjectClasses, s.Groups.ID = []string{"group"}, "cn" }, "fail Object Class(es)"},
		{"groups of any class", bridged, func(s *Server) { s.Groups.ObjectClasses = nil }, "warn Object Class(es)"},
		{"top as well", bridged, func(s *Server) { s.Groups.ObjectClasses = []string{"top", "groupOfNames"} }, ""},
		{"both vocabularies", bridged, func(s *Server) { s.Groups.ObjectClasses = []string{"groupOfNames", "posixGroup"} }, "fail Object Class(es)"},
		{"either vocabulary", bridged, func(s *Server) {
			s.Groups.ObjectClasses, s.Groups.AnyOrAll = []string{"groupOfNames", "posixGroup"}, simulate.Any
		}, "warn Object Class(es)"},
		{"Linux groups", bridged, linuxGroups, "warn Object Class(es)"},
		{"Linux groups", "off", linuxGroups, ""},
		{"Linux groups by DN", "off", func(s *Server) { linuxGroups(s); s.Membership.MemberAttribute = "member" }, "fail Member User Mapping"},
		{"no group ID", bridged, func(s *Server) { s.Groups.ID = "" }, "fail Group ID"},
		{"name as group ID", bridged, func(s *Server) { s.Groups.ID = "cn" }, ""},
		{"attribute of users as group ID", bridged, func(s *Server) { s.Groups.ID = "uidNumber" }, "fail Group ID"},
		{"unknown group ID", bridged, func(s *Server) { s.Groups.ID = "x" }, "warn Group ID"},
		{"no group name", bridged, func(s *Server) { s.Groups.Name = "" }, "fail Group Name"},
		{"wrong group name", bridged, func(s *Server) { s.Groups.Name = "sn" }, "fail Group Name"},
		{"another group name", bridged, func(s *Server) { s.Groups.Name = "ou" }, "warn Group Name"},
		{"no group UUID", bridged, func(s *Server) { s.Groups.UUID = "" }, "warn Group UUID"},
		{"number as group UUID", bridged, func(s *Server) { s.Groups.UUID = "gidNumber" }, "warn Group UUID"},

		{"names for DNs", bridged, func(s *Server) { s.Membership.MemberUseDN, s.Membership.GroupsUseDN = false, false }, "warn " + labelMemberDN},
		{"one switch of two", bridged, func(s *Server) { s.Membership.GroupsUseDN = false }, "warn " + labelMemberDN},
		{"memberUid", bridged, func(s *Server) {
			s.Membership.MemberAttribute, s.Membership.MemberUseDN, s.Membership.GroupsUseDN = "memberUid", false, false
		}, ""},
		{"DNs for names", bridged, func(s *Server) { s.Membership.MemberAttribute = "memberUid" }, "warn " + labelMemberDN},
		{"unique members", bridged, func(s *Server) { s.Membership.MemberAttribute = "uniqueMember" }, "fail Member User Mapping"},
		{"memberOf on a group", bridged, func(s *Server) { s.Membership.MemberAttribute = "memberOf" }, "fail Member User Mapping"},
		{"unknown member attribute", bridged, func(s *Server) { s.Membership.MemberAttribute = "x" }, "fail Member User Mapping"},
		{"no member attribute", bridged, func(s *Server) { s.Membership.MemberAttribute = "" }, "fail Member User Mapping"},
		{"the field of the other location", bridged, func(s *Server) {
			s.Membership.MemberAttribute, s.Membership.GroupsAttribute = "", "member"
		}, "fail Member User Mapping"},
		{"no location", bridged, func(s *Server) { s.Membership.StoredIn = "" }, "fail Membership Location"},
		{"compare", bridged, func(s *Server) { s.Membership.UseCompare = true }, ""},
		{"suffix with a DN", bridged, func(s *Server) { s.Membership.AppendToUsername = "@x" }, ""},
		{"unknown suffix", bridged, func(s *Server) { memberUid(s); s.Membership.AppendToUsername = "@x" }, "fail " + labelAppend},
		{"known suffix", bridged, func(s *Server) { memberUid(s); s.Membership.AppendToUsername = "@Example.com" }, ""},
		{"recursive", bridged, func(s *Server) { s.Membership.Recursive = true }, "warn Use recursive group searches"},
		{"membership object", bridged, func(s *Server) { s.Membership.Username = "uid" }, "warn Username Mapping"},

		{"user object", bridged, userObject, ""},
		{"user object, names", bridged, func(s *Server) { userObject(s); s.Membership.MemberUseDN, s.Membership.GroupsUseDN = false, false },
			"fail " + labelGroupsDN},
		{"user object, wrong attribute", bridged, func(s *Server) { userObject(s); s.Membership.GroupsAttribute = "member" }, "fail " + labelGroups},
		{"user object, field of the other location", bridged, func(s *Server) { userObject(s); s.Membership.GroupsAttribute = "" }, "fail " + labelGroups},
		{"user object and Linux groups", bridged, func(s *Server) { userObject(s); s.Groups.ObjectClasses = []string{"posixGroup"} },
			"warn Object Class(es); fail " + labelGroupsDN},
	} {
		for _, mode := range strings.Fields(c.modes) {
			s := Recommend(site(ModePosix))
			s.Connection.Certificate = "there is one"
			c.change(s)
			at := site(mode, func(s *Site) { s.StripSuffixes = []string{"@example.com"} })
			if got := findings(at, s); got != c.want {
				t.Errorf("%s, mode %s: %q, want %q", c.what, mode, got, c.want)
			}
		}
	}
}

func linuxGroups(s *Server) {
	s.Groups.ObjectClasses = []string{"posixGroup"}
	memberUid(s)
}

func memberUid(s *Server) {
	s.Membership.MemberAttribute, s.Membership.MemberUseDN, s.Membership.GroupsUseDN = "memberUid", false, false
}

func userObject(s *Server) {
	s.Membership.StoredIn, s.Membership.GroupsAttribute = simulate.UserObject, "memberOf"
}

func TestCheckOfPublishedExports(t *testing.T) {
	kb, _ := export(t, "kb2017.xml")
	if got, want := findings(site(ModePosix), kb), "fail Server and Port; warn Group UUID; warn "+labelMemberDN; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	ad, _ := export(t, "active-directory.xml")
	got := findings(site(ModePosix), ad)
	for _, want := range []string{
		"warn Directory Service", "warn Server and Port", "warn Use SSL", "fail Authentication Type", "warn Referral Response", "warn Use Wildcards When Searching",
		"fail Search Base; fail Object Class(es); fail User ID; fail Username", "fail Department", "fail User UUID", "fail Group ID; fail Group Name; fail Group UUID",
		"warn Use recursive group searches", "warn " + labelGroupsDN,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	for _, f := range Check(site(ModePosix), ad, now) {
		if f.Level != OK && f.Try == "" {
			t.Errorf("%s %s says not what to do", f.Level, f.Label)
		}
	}
}
