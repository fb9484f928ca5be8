package test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/doctor"
)

// policied visits a slapd with a password policy, in which the account has an
// attribute that the policy cares for.
func policied(policy, attribute string) func(*testing.T) *visit {
	return inSlapd(func(s *slapdSet) {
		const dn = "cn=policy," + orgBase
		s.conf = strings.Replace(s.conf, "overlay ppolicy\n", "overlay ppolicy\nppolicy_default \""+dn+"\"\nppolicy_use_lockout\n", 1)
		s.ldif = entries(s.ldif, func(dn, e string) string {
			if dn == service {
				e += "\n" + attribute
			}
			return e
		}) + "\n\ndn: " + dn + "\nobjectClass: top\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\n" + policy + "\n"
	})
}

func ldapTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }

var loginMistakes = []mistake{
	{"wrong password", sample(func(t *testing.T, v *visit) { v.password = "hunter2-marker" }),
		"bind", doctor.Fail, "invalidCredentials (49)", "check the password of jamf.ldap, which comes from --dn"},
	{"unknown user", sample(func(t *testing.T, v *visit) { v.dn = "uid=nobody," + usersBase }),
		"bind", doctor.Fail, "invalidCredentials (49)", "does not tell a wrong DN from a wrong password"},
	{"another organisation", sample(func(t *testing.T, v *visit) {
		v.dn = "uid=jamf.ldap,ou=Users,o=4f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	}),
		"bind", doctor.Fail, "invalidCredentials (49)", "another organisation's ID"},
	{"locked", policied("pwdLockout: TRUE", "pwdAccountLockedTime: 000001010000Z"),
		"bind", doctor.Fail, "Account locked", "unlock the account"},
	{"password expired", policied("pwdMaxAge: 86400", "pwdChangedTime: 20200101000000Z"),
		"bind", doctor.Fail, "Password expired", "set a new password"},
	{"password expires soon", policied("pwdMaxAge: 864000\npwdExpireWarning: 864000", "pwdChangedTime: "+ldapTime(time.Now().Add(-5*24*time.Hour+time.Hour))),
		"bind", doctor.Warn, "expires in 5 days", "never expire"},
	{"over TLS only", inSlapd(func(s *slapdSet) {
		s.conf = strings.Replace(s.conf, "database mdb\n", "database mdb\nsecurity simple_bind=128\n", 1)
	}),
		"bind", doctor.Fail, "confidentialityRequired", "upstream.starttls: true"},
	{"no answer", func(t *testing.T) *visit {
		r := startRelay(t, startedSlapd(t).addr)
		r.onRequest(func(_ *relayConn, p packet) bool { return p.op.tag != opBind })
		return &visit{servers: []string{r.url()}, upstream: yamlMap{"bind_timeout": "500ms"}}
	}, "bind", doctor.Fail, "no answer within 500ms (upstream.bind_timeout)", "status.jumpcloud.com"},
	{"hangs up", func(t *testing.T) *visit {
		r := startRelay(t, startedSlapd(t).addr)
		r.onRequest(func(c *relayConn, p packet) bool {
			if p.op.tag == opBind {
				c.close()
			}
			return true
		})
		return &visit{servers: []string{r.url()}}
	}, "bind", doctor.Fail, "", "ended the connection"},
	{"may not search", sample(func(t *testing.T, v *visit) { v.dn = endUser }),
		"search", doctor.Fail, "heisenberg sees nothing", `Users > heisenberg, tick "Enable as LDAP Bind DN"`},
	{"wrong base", sample(func(t *testing.T, v *visit) { v.upstream = yamlMap{"base": "ou=People," + orgBase} }),
		"base", doctor.Fail, "noSuchObject (32)", "upstream.base: " + usersBase},
}

var userMistakes = []mistake{
	{"not bound to LDAP", withoutUsers("jamf.ldap"), "users", doctor.Fail, "nobody but the account itself", "User Groups > NAME > Directories"},
	{"base too high", sample(func(t *testing.T, v *visit) { v.upstream = yamlMap{"base": orgBase} }),
		"users", doctor.Fail, "not directly below upstream.base", "upstream.base: " + usersBase},
	{"one elsewhere", holding(func(dn, e string) string {
		if dn == userDN("saul.goodman") {
			e += "\n\n" + strings.Replace(e, dn, "uid=saul.goodman,cn=CarWash,"+usersBase, 1)
		}
		return e
	}), "users", doctor.Warn, "1 of them not directly below", "cn=CarWash"},
	{"the one that is looked for", sample(func(t *testing.T, v *visit) { v.args = []string{"--user", "walter.white"} }),
		"users", doctor.Fail, "none of them is walter.white", "bound to JumpCloud LDAP"},
	{"no mail", withoutLines("inetOrgPerson", "mail: (jon|arya).*"),
		"user-attributes", doctor.Warn, "2 of 10 have no mail", `"Email Address"`},
}

func withoutUsers(but string) func(*testing.T) *visit {
	return holding(func(dn, e string) string {
		if strings.Contains(e, "objectClass: inetOrgPerson") && dn != userDN(but) {
			return ""
		}
		return e
	})
}

var groupMistakes = []mistake{
	{"not bound to LDAP", withoutClass("groupOfNames"), "groups", doctor.Fail, "not a single group", "tick LDAP for each group"},
	{"another class", holding(func(_, e string) string {
		return regexp.MustCompile(`(?m)^member:`).ReplaceAllString(strings.Replace(e, "objectClass: groupOfNames", "objectClass: groupOfUniqueNames", 1), "uniqueMember:")
	}), "groups", doctor.Fail, "some of the class groupOfUniqueNames", "groups.legacy_class: groupOfUniqueNames"},
	{"the one that is looked for", sample(func(t *testing.T, v *visit) { v.args = []string{"--group", "Game of Thrones"} }),
		"groups", doctor.Fail, "none of them is Game of Thrones", "User Groups > Game of Thrones"},
	{"none", withoutClass("posixGroup"), "linux-groups", doctor.Fail, "none", "Create Linux group for this user group"},
	{"none, mode merge", func(t *testing.T) *visit {
		v := withoutClass("posixGroup")(t)
		v.groups = yamlMap{"mode": "merge"}
		return v
	}, "linux-groups", doctor.Warn, "none", "Create Linux group for this user group"},
	{"missing", withoutLines("posixGroup", "gidNumber: 7001"), "gids", doctor.Fail, "got", "User Groups > got"},
	{"twice", holding(func(_, e string) string { return strings.Replace(e, "gidNumber: 7002", "gidNumber: 7001", 1) }),
		"gids", doctor.Fail, "7001 is", "a GID of its own"},
	{"not readable", inSlapd(func(s *slapdSet) {
		s.conf = strings.Replace(s.conf, "access to attrs=userPassword", "access to attrs=member by * none\naccess to attrs=userPassword", 1)
	}), "members", doctor.Fail, "no group has a value of member", "Member User Mapping"},
	{"an empty group", holding(func(dn, e string) string {
		if dn == groupDN("nightswatch") {
			e = regexp.MustCompile(`(?m)^memberUid: .*\n?`).ReplaceAllString(e, "")
		}
		return e
	}), "members", doctor.Warn, "without members: nightswatch (Linux)", "add users"},
	{"a member who is no user", holding(func(dn, e string) string {
		if dn == userDN("hector.salamanca") {
			return ""
		}
		return e
	}), "members", doctor.Warn, "hector.salamanca", "tick LDAP"},
}

var pairMistakes = []mistake{
	{"one that is not there", sample(func(t *testing.T, v *visit) {
		v.groups = yamlMap{"pairs": []yamlMap{{"legacy": "gameOfThrones", "posix": "thrones"}}}
	}), "pairs", doctor.Warn, `no Linux group "thrones"`, "correct groups.pairs"},
	{"the wrong one", sample(func(t *testing.T, v *visit) {
		v.groups = yamlMap{"pairs": []yamlMap{{"legacy": "gameOfThrones", "posix": "bb"}}}
	}), "pairs", doctor.Warn, "do not have the same members", "correct groups.pairs"},
	{"not in the file", sample(func(t *testing.T, v *visit) { v.groups = yamlMap{} }),
		"pairs", doctor.Warn, "4 pairs of the directory not in groups.pairs", "jamf-ldap-proxy pairs --config"},
	{"members differ", func(t *testing.T) *visit {
		v := withoutLines("posixGroup", "memberUid: gus.fring")(t)
		v.groups = yamlMap{}
		return v
	}, "pairs", doctor.Warn, "different members", "compare the two in JumpCloud"},
	{"console group not bound", holding(func(dn, e string) string {
		if dn == groupDN("Everyone") {
			return ""
		}
		return e
	}), "pairs", doctor.Warn, `no group "Everyone"`, "groups.pairs"},
	{"same members", sample(func(t *testing.T, v *visit) { v.groups = yamlMap{} }),
		"ambiguous-pairs", doctor.Warn, "breakingBad", "add the right pair to groups.pairs"},
	{"mode posix", sample(func(*testing.T, *visit) {}),
		"groups-without-linux-group", doctor.Warn, "CarWash: Jamf does not see them", "Create Linux group for this user group"},
	{"mode merge", sample(func(t *testing.T, v *visit) { v.groups = yamlMap{"mode": "merge", "pairs": samplePairs} }),
		"groups-without-linux-group", doctor.Warn, "CarWash: Jamf sees them without a Group ID", "User Groups > CarWash"},
	{"no UUIDs", inSlapd(func(s *slapdSet) {
		s.conf = strings.Replace(s.conf, "access to attrs=userPassword", "access to attrs=entryUUID by * none\naccess to attrs=userPassword", 1)
	}), "entryuuid", doctor.Warn, "groups have none", "groups.stable_uuid: true"},
}

var limitMistakes = []mistake{
	{"pages refused", inSlapd(func(s *slapdSet) { s.conf = limits(s.conf, "size.prtotal=disabled") }),
		"paging", doctor.Warn, "refuses", "size limit"},
	{"unknown", func(t *testing.T) *visit {
		r := startRelay(t, startedSlapd(t).addr)
		r.onRequest(func(c *relayConn, p packet) bool {
			if p.op.tag != opSearch {
				return true
			}
			c.far.Write(withoutControls(t, p.raw))
			return false
		})
		return &visit{servers: []string{r.url()}}
	}, "paging", doctor.Warn, "does not know pages", "size limit"},
	{"without pages", inSlapd(func(s *slapdSet) { s.conf = limits(s.conf, "size.soft=8 size.hard=8 size.prtotal=unlimited") }),
		"size-limit", doctor.Warn, "ends an answer after 8 entries", "type more of a name"},
	{"with pages, too", inSlapd(func(s *slapdSet) { s.conf = limits(s.conf, "size.soft=8 size.hard=8 size.prtotal=8") }),
		"users", doctor.Warn, "at least 8 users", "have the limit of the directory raised"},
	{"far away", func(t *testing.T) *visit {
		r := startRelay(t, startedSlapd(t).addr)
		r.onRequest(func(_ *relayConn, p packet) bool {
			if p.op.tag == opSearch && bytes.Contains(p.raw, []byte("\x87\x0bobjectClass")) { // of the smallest questions
				time.Sleep(450 * time.Millisecond)
			}
			return true
		})
		return &visit{servers: []string{r.url()}}
	}, "round-trip", doctor.Warn, "", "cache: {"},
}

// limits sets limits of everybody who is logged in.
func limits(conf, limit string) string {
	return strings.Replace(conf, "database mdb\n", "database mdb\nlimits users "+limit+"\n", 1)
}

// withoutControls is a message as an older client would send it.
func withoutControls(t testing.TB, raw []byte) []byte {
	p, err := parsePacket(raw)
	if err != nil {
		t.Error(err)
		return raw
	}
	return tlv(0x30, integer(p.id), p.op.raw)
}
