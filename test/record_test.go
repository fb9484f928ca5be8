package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One lookup is one line of the log, with the question before and after.
func TestLookupRecord(t *testing.T) {
	t.Parallel()
	inMode := map[string]struct {
		upstreamFilter string
		entries        float64
		hints          []any
	}{
		"posix": {"(&(objectClass=posixGroup)(memberUid=heisenberg))", 4, []any{}},
		// CarWash is found too, and has no ID.
		"merge": {"(&(objectClass=groupOfNames)(member=" + userDN("heisenberg") + "))", 5, list("gid-on-unpaired")},
	}
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		filter := "(&(objectClass=groupOfNames)(member=" + userDN("heisenberg") + "))"
		c.ask(t, search(filter, groupAttrs...).within(60))
		r := p.awaitLookup("the group search", func(r record) bool { return r.text("filter") == filter })
		want := record{
			"msg": "lookup", "op": "search", "kind": "user-groups", "client_kind": "jndi", "bind_dn": service,
			"base": usersBase, "scope": "sub", "filter": filter, "attrs": list("gidNumber", "cn", "entryUUID"),
			"controls": list(oidManageDSA), "size_limit": 0.0, "time_limit": 61.0,
			"bridged": true, "mode": v.mode, "hints": inMode[v.mode].hints, "cache": "off",
			"entries": inMode[v.mode].entries, "result": 0.0, "result_name": "success", "diagnostic": "",
		}
		got := record{}
		for key := range want {
			got[key] = r[key]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("record (-want +got)\n%s", diff)
		}
		upstreamPart, _ := r["upstream"].(map[string]any)
		wantUpstream := map[string]any{
			"base": usersBase, "filter": inMode[v.mode].upstreamFilter,
		}
		for key, value := range wantUpstream {
			if diff := cmp.Diff(value, upstreamPart[key]); diff != "" {
				t.Errorf("record, upstream.%s (-want +got)\n%s", key, diff)
			}
		}
		if server, _ := upstreamPart["server"].(string); !strings.HasSuffix(server, up.addr) {
			t.Errorf("record, upstream.server is %q, want %s", server, up.addr)
		}
		for _, key := range []string{"id", "conn", "bytes"} {
			if n, _ := r[key].(float64); n <= 0 {
				t.Errorf("record, %s is %v", key, r[key])
			}
		}
		if !strings.HasPrefix(r.text("client_addr"), "127.0.0.1:") {
			t.Errorf("record, client_addr is %q", r.text("client_addr"))
		}
		times, _ := r["ms"].(map[string]any)
		if total, _ := times["total"].(float64); total <= 0 || total > 60_000 {
			t.Errorf("record, ms is %v", times)
		}
		if rules, _ := r["rules"].([]any); len(rules) == 0 {
			t.Errorf("record, rules is %v: a bridged lookup names what applied", r["rules"])
		}
	})
}

func list(items ...string) []any {
	var out []any
	for _, i := range items {
		out = append(out, i)
	}
	return out
}

// What kind of question a lookup is, as an administrator of Jamf would say.
func TestLookupKinds(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	w := p.session()
	for i, c := range []struct {
		kind    string
		bridged bool
		ask     request
	}{
		{"user", false, search("(&(objectClass=inetOrgPerson)(uid=jon.snow))", "uid")},
		{"group", true, search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn")},
		{"user-groups", true, search("(&(objectClass=groupOfNames)(member="+userDN("jon.snow")+"))", "cn")},
		{"user-groups", false, search("(&(objectClass=posixGroup)(memberUid=jon.snow))", "cn")},
		{"membership", true, search("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member="+userDN("jon.snow")+"))", "cn")},
		{"membership", true, read(groupDN("gameOfThrones"), "(member="+userDN("jon.snow")+")", "1.1")},
		{"membership", true, compare(groupDN("gameOfThrones"), "memberUid", "jon.snow")},
		{"membership", false, compare(groupDN("got"), "memberUid", "jon.snow")},
		{"rootdse", false, read("", "(objectClass=*)", "namingContexts")},
	} {
		// The number of entries or the code tells nothing apart, the size limit does.
		c.ask.Size = 1000 + i
		wireClient{w}.ask(t, c.ask)
		r := p.awaitLookup(fmt.Sprint(c.ask), func(r record) bool {
			if c.ask.Compare {
				return r.text("op") == "compare" && r.text("base") == c.ask.Base
			}
			return r["size_limit"] == float64(c.ask.Size)
		})
		if r.text("kind") != c.kind || r["bridged"] != c.bridged {
			t.Errorf("%v: kind %q, bridged %v; want %q, %v", c.ask, r.text("kind"), r["bridged"], c.kind, c.bridged)
		}
	}
	bind := p.awaitLookup("the bind", func(r record) bool { return r.text("op") == "bind" })
	if bind.text("kind") != "bind" || bind.text("bind_dn") != service {
		t.Errorf("bind: %v", bind)
	}
}

// A tolerance is told to the administrator as a hint.
func TestHints(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{servers: []string{embedded(t).url()}, suffixes: []string{"@example.com"}})
	w := p.session()
	for _, c := range []struct {
		filter string
		hinted bool
	}{
		{"(&(objectClass=groupOfNames)(member=" + userDN("jon.snow") + "))", false},
		{"(&(objectClass=groupOfNames)(member=jon.snow))", true},
		{"(&(objectClass=groupOfNames)(memberUid=" + userDN("jon.snow") + "))", true},
		{"(&(objectClass=posixGroup)(memberUid=" + userDN("jon.snow") + "))", true},
		{"(&(objectClass=groupOfNames)(member=jon.snow@example.com))", true},
		{"(&(objectClass=groupOfNames)(member=" + userDN("Jon.Snow") + "))", true},
		{"(&(objectClass=inetOrgPerson)(uid=jon.snow))", false},
	} {
		w.search(search(c.filter, "cn"))
		r := p.awaitLookup(c.filter, func(r record) bool { return r.text("filter") == c.filter })
		if hints, _ := r["hints"].([]any); (len(hints) > 0) != c.hinted {
			t.Errorf("%s: hints %v, want some: %v", c.filter, hints, c.hinted)
		}
	}
}

// What an administrator may want to know of lookups in mode merge, in the log
// and in the counters.
func TestHintsInMerge(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: mergeView.mode})
		admin, end := p.session(), p.connect()
		end.bind(endUser, password)
		for _, c := range []struct {
			session *wire
			ask     request
			bridged bool
			hints   []any
		}{
			{admin, search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", groupAttrs...), true, []any{}},
			{admin, search("(&(objectClass=groupOfNames)(cn=CarWash))", groupAttrs...), true, list("gid-on-unpaired")},
			{admin, search("(&(objectClass=groupOfNames)(cn=carwash))", "cn", "member"), true, []any{}},
			{admin, search("(&(objectClass=groupOfNames)(cn=CARWASH))"), true, []any{}},
			{admin, search("(&(objectClass=groupOfNames)(cn=nonesuch))", groupAttrs...), true, list("unknown-group")},
			{admin, search("(&(objectClass=groupOfNames)(cn=got))", groupAttrs...), true, list("posix-name-in-group")},
			{admin, search("(&(objectClass=groupOfNames)(cn=Everyone)(memberUid="+userDN("jon.snow")+"))", "cn"), true, list("dn-where-username")},
			{admin, search("(&(objectClass=inetOrgPerson)(uid=ned.stark))", "uid"), false, []any{}},
			{end, search("(&(objectClass=groupOfNames)(cn=Everyone))", groupAttrs...), true, list("not-a-bind-dn-user")},
		} {
			c.session.search(c.ask)
			r := p.awaitLookup(c.ask.Filter, func(r record) bool {
				return r.text("filter") == c.ask.Filter && r.text("bind_dn") == c.session.whoAmI()
			})
			if r.text("mode") != mergeView.mode || r["bridged"] != c.bridged {
				t.Errorf("%v: mode %q, bridged %v; want merge, %v", c.ask, r.text("mode"), r["bridged"], c.bridged)
			}
			if diff := cmp.Diff(c.hints, r["hints"]); diff != "" {
				t.Errorf("%v: hints (-want +got)\n%s", c.ask, diff)
			}
		}
		eventually(t, "the counters", func() error {
			page := p.get("/metrics")
			for _, hint := range []string{"gid-on-unpaired", "unknown-group", "posix-name-in-group", "dn-where-username", "not-a-bind-dn-user"} {
				if want := fmt.Sprintf("jamf_ldap_proxy_hints_total{hint=%q} 1\n", hint); !strings.Contains(page, want) {
					return fmt.Errorf("no line %s", want)
				}
			}
			return nil
		})
	})
}

// Failures are in the record too, with what the client was told.
func TestRecordOfFailures(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	w := p.session()
	w.ask(bindOp(3, endUser, "wrong password"))
	r := p.awaitLookup("the failed bind", func(r record) bool { return r.text("op") == "bind" && r["result"] != 0.0 })
	if r["result"] != 49.0 || r.text("result_name") != "invalidCredentials" || r.text("bind_dn") != endUser {
		t.Errorf("record of a failed bind: %v", r)
	}
	w.search(search("(uid=refused)"))
	r = p.awaitLookup("the refused search", func(r record) bool { return r.text("filter") == "(uid=refused)" })
	if r["result"] != 50.0 || r["upstream"] != nil || r.text("bind_dn") != "" {
		t.Errorf("record of a search that was not forwarded: %v", r)
	}
	if strings.Contains(p.log(), "wrong password") {
		t.Error("the log contains the wrong password")
	}
}

// No secret value reaches the log in any field.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	w := p.session()
	const secret = "tops3cret"
	w.search(search("(userPassword=" + secret + "-1)"))
	w.search(search("(&(objectClass=groupOfNames)(!(USERPASSWORD=" + secret + "-2)))"))
	w.search(search("(2.5.4.35=" + secret + "-3)"))
	w.search(search("(userPassword;x=*" + secret + "-4*)"))
	w.ask(compareOp(userDN("jon.snow"), "userPassword", secret+"-5"))
	w.ask(tlv(opModify, octets(userDN("jon.snow")), tlv(0x30, tlv(0x30, enumerated(2), tlv(0x30, octets("userPassword"), tlv(0x31, octets(secret+"-6")))))))
	w.ask(tlv(opExtended, tlv(0x80, []byte("1.3.6.1.4.1.4203.1.11.1")), tlv(0x81, tlv(0x30, tlv(0x82, []byte(secret+"-7"))))))
	w.ask(bindOp(3, endUser, secret+"-8"))
	w.search(search("(uid=last)"))
	p.awaitLookup("the last search", func(r record) bool { return r.text("filter") == "(uid=last)" })
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, secret) {
			t.Errorf("a secret is in the log: %s", line)
		}
	}
}

// Texts of hostile size and content, in every field that has a text, stay one
// short line of valid JSON each.
func TestAttackA22LogOverflow(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"info", "debug"} {
		t.Run(level, func(t *testing.T) {
			p := besiege(t, settings{servers: []string{embedded(t).url()}, logLevel: level})
			value := "marker\n\r\x00\x1b[31m\u202e" + strings.Repeat("é", 500_000)
			for what, op := range map[string][]byte{
				"filter":    searchOp(usersBase, 2, 0, 0, equals("uid", value)),
				"attribute": searchOp(usersBase, 2, 0, 0, equals("uid", "x"), value),
				"base":      searchOp(value, 2, 0, 0, equals("uid", "x")),
				"compare":   compareOp(value, "cn", "x"),
				"asserted":  compareOp(groupDN("got"), "cn", value),
				"extended":  tlv(opExtended, tlv(0x80, []byte(value))),
				"bind":      bindOp(3, "uid="+value+","+usersBase, "x"),
			} {
				t.Run(what, func(t *testing.T) { p.in(t).session().ask(op) })
			}
			p.session().ask(search("(uid=jon.snow)").wire(t), control(value, false))
			w := p.session()
			w.search(search("(uid=the.last.one)"))
			p.awaitLookup("the last search", func(r record) bool { return r.text("filter") == "(uid=the.last.one)" })
			seen := 0
			for line := range strings.Lines(p.log()) {
				if strings.Contains(line, "marker") {
					seen++
				}
				if len(line) > 32<<10 {
					t.Errorf("a log line of %d octets: %.300q", len(line), line)
				}
				if strings.ContainsAny(line, "\x00\x1b\r\u202e") {
					t.Errorf("a log line with control characters: %.300q", line)
				}
			}
			if seen < 8 {
				t.Errorf("%d lines speak of the attack", seen)
			}
		})
	}
}

// Every operation has one record, and the counters agree with them.
func TestMetricsAgreeWithRecords(t *testing.T) {
	t.Parallel()
	p := start(t, embedded(t))
	w := p.session()
	for range 7 {
		usable(t, wireClient{w})
	}
	for range 3 {
		wireClient{w}.ask(t, compare(groupDN("gameOfThrones"), "member", userDN("jon.snow")))
	}
	w.ask(bindOp(3, endUser, "wrong"))
	eventually(t, "the counters", func() error {
		counted := map[string]float64{}
		for line := range strings.Lines(p.get("/metrics")) {
			if strings.HasPrefix(line, "jamf_ldap_proxy_lookups_total{") {
				var n float64
				labels, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
				fmt.Sscan(value, &n)
				for _, op := range []string{"search", "compare", "bind"} {
					if strings.Contains(labels, `op="`+op+`"`) {
						counted[op] += n
					}
				}
			}
		}
		if want := map[string]float64{"search": 7, "compare": 3, "bind": 2}; !cmp.Equal(counted, want) {
			return fmt.Errorf("lookups_total %v, want %v", counted, want)
		}
		return nil
	})
	eventually(t, "the records", func() error {
		var lookups []string
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range p.records {
			if r.text("msg") == "lookup" {
				lookups = append(lookups, r.text("op"))
			}
		}
		if len(lookups) != 12 {
			return fmt.Errorf("%d lookups logged, want 12: %v", len(lookups), lookups)
		}
		return nil
	})
}
