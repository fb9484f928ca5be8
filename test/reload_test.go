package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// reload gives the proxy another configuration and returns the log records of taking
// it, the last of which tells how it went.
func (p *proxy) reload(s settings) []record {
	p.t.Helper()
	return p.reloadFile(s.yaml(p.t))
}

func (p *proxy) reloadFile(text []byte) []record {
	p.t.Helper()
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	before := len(p.records)
	p.mu.Unlock()
	p.signal(syscall.SIGHUP)
	var news []record
	eventually(p.t, "the log tells of the reload", func() error {
		p.mu.Lock()
		news = append([]record{}, p.records[before:]...)
		p.mu.Unlock()
		for _, r := range news {
			if strings.HasPrefix(r.text("msg"), "configuration was") || strings.HasPrefix(r.text("msg"), "needs a restart") {
				return nil
			}
		}
		return errors.New("not yet")
	})
	return news
}

// said returns the messages of the proxy's log that begin like this.
func said(records []record, prefix string) (texts []string) {
	for _, r := range records {
		if strings.HasPrefix(r.text("msg"), prefix) {
			texts = append(texts, r.text("msg"))
		}
	}
	return texts
}

func changedKeys(t *testing.T, records []record) string {
	t.Helper()
	for _, r := range records {
		if r.text("msg") == "configuration was reloaded" {
			return fmt.Sprint(r["changed"])
		}
	}
	t.Errorf("not reloaded: %v", records)
	return ""
}

// TestReload: SIGHUP with an unchanged file changes nothing for connected clients,
// and says so.
func TestReload(t *testing.T) {
	t.Parallel()
	s := settings{servers: []string{embedded(t).url()}}
	p := startWith(t, s)
	c := dialGoLDAP(t, p.ldap, service, password)
	if got := said(p.reload(s), "configuration was reloaded"); len(got) != 1 || !strings.Contains(got[0], "nothing has changed") {
		t.Errorf("the log says %q", got)
	}
	for range 10 {
		usable(t, c)
	}
	p.awaitReady()
	usable(t, dialGoLDAP(t, p.ldap, service, password))
}

// TestReloadLosesNoLookup: while the configuration changes again and again, and with
// it the way to upstream, sessions that live on, new ones and open paged searches all
// get complete answers.
func TestReloadLosesNoLookup(t *testing.T) {
	t.Parallel()
	up := embedded(t)
	one, other := startRelay(t, up.addr), startRelay(t, up.addr)
	base := settings{servers: []string{one.url()}, logLevel: "info"}
	p := startWith(t, base)
	ctx, stop := context.WithCancel(t.Context())
	var (
		running sync.WaitGroup
		lookups atomic.Int64
	)
	ask := func(conn *goldap.Conn) error {
		res, err := conn.Search(goldap.NewSearchRequest(usersBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
			0, 0, false, "(&(objectClass=groupOfNames)(cn=gameOfThrones))", []string{"gidNumber"}, nil))
		if err == nil && (len(res.Entries) != 1 || res.Entries[0].GetAttributeValue("gidNumber") != "7001") {
			err = fmt.Errorf("answer %v", res.Entries)
		}
		return err
	}
	during := func(what string, try func() error) {
		running.Go(func() {
			for ctx.Err() == nil {
				if err := try(); err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
				lookups.Add(1)
			}
		})
	}
	for range 3 {
		conn := goDial(t, "ldap://"+p.ldap, nil)
		if err := conn.Bind(service, password); err != nil {
			t.Fatal(err)
		}
		during("a session that lives on", func() error { return ask(conn) })
	}
	during("a new session", func() error {
		conn, err := goldap.DialURL("ldap://" + p.ldap)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.Bind(service, password); err != nil {
			return err
		}
		return ask(conn)
	})
	pages := goDial(t, "ldap://"+p.ldap, nil)
	if err := pages.Bind(service, password); err != nil {
		t.Fatal(err)
	}
	during("a paged search", func() error {
		res, err := pages.SearchWithPaging(goldap.NewSearchRequest(usersBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
			0, 0, false, "(objectClass=groupOfNames)", []string{"cn"}, nil), 2)
		if err == nil && len(res.Entries) != len(posixView.everyGroup()) {
			err = fmt.Errorf("%d entries", len(res.Entries))
		}
		return err
	})

	for i := range 16 {
		s := base
		if i%2 == 0 {
			s.servers = []string{other.url()}
		}
		if i%3 == 0 {
			s.cache = yamlMap{"ttl": "1m"}
		}
		s.limits = yamlMap{"idle": fmt.Sprintf("%dm", 10+i)}
		s.suffixes = []string{fmt.Sprintf("@%d.example.com", i)}
		if got := changedKeys(t, p.reload(s)); !strings.Contains(got, "limits.idle") || !strings.Contains(got, "groups.strip_suffixes") {
			t.Errorf("the log says that %s has changed", got)
		}
		before := lookups.Load()
		eventually(t, "lookups go on", func() error {
			if lookups.Load() < before+20 && !t.Failed() {
				return errors.New("not yet")
			}
			return nil
		})
	}
	stop()
	running.Wait()
	t.Logf("%d lookups during 16 reloads", lookups.Load())
	last := base // the odd ones ask the first relay
	p.reload(last)
	eventually(t, "no connection to the server of before is left", func() error {
		if n := other.openConns(); n > 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	eventually(t, "the server of before does not look like one that is down", func() error {
		if strings.Contains(p.get("/metrics"), `upstream_up{server="`+other.url()) {
			return errors.New("it is in the metrics")
		}
		return nil
	})
}

// TestReloadRefusesAMistake: the configuration before stays whole, and log, metrics
// and page say what is wrong.
func TestReloadRefusesAMistake(t *testing.T) {
	t.Parallel()
	s := settings{servers: []string{embedded(t).url()}}
	p := startWith(t, s)
	c := dialGoLDAP(t, p.ldap, service, password)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := string(s.yaml(t))
	with := func(change func(*settings)) string {
		other := s
		change(&other)
		return string(other.yaml(t))
	}
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"upstream.servers", "upstream.base"}},
		{"cut off", good[:len(good)/2] + "\n  - [", []string{p.config}},
		{"two mistakes", strings.Replace(good, "mode: posix", "mode: both\n  what: 1", 1), []string{"groups.mode", "groups.what"}},
		{"no CA", with(func(s *settings) { s.ca = missing }), []string{"upstream.tls.ca"}},
		{"no certificate", with(func(s *settings) { s.listener = yamlMap{"tls": yamlMap{"certificate": missing, "key": missing}} }), []string{"tls.certificate"}},
		{"no password file", with(func(s *settings) {
			s.upstream = yamlMap{"service_account": yamlMap{"dn": service, "password_file": missing}}
		}), []string{"upstream.service_account.password_file"}},
		{"a port that is taken, and pairs that are not", with(func(s *settings) {
			s.noPairs, s.listener = true, yamlMap{"address": taken.Addr().String()}
		}), []string{"in use"}},
	} {
		log := said(p.reloadFile([]byte(tc.text)), "configuration was not reloaded")
		for _, want := range tc.want {
			if !strings.Contains(strings.Join(log, "\n"), want) {
				t.Errorf("%s: the log lacks %q:\n%s", tc.name, want, strings.Join(log, "\n"))
			}
		}
		if tc.name == "two mistakes" && len(log) != 2 {
			t.Errorf("%d lines for two mistakes:\n%s", len(log), strings.Join(log, "\n"))
		}
		eventually(t, "the metric says so", func() error { return has(p.get("/metrics"), "jamf_ldap_proxy_config_last_reload_successful 0") })
		if err := has(p.get("/health"), "the one before stays in use"); err != nil {
			t.Errorf("%s: the page: %v", tc.name, err)
		}
		usable(t, c)
		usable(t, dialGoLDAP(t, p.ldap, service, password))
	}
	p.reload(s)
	eventually(t, "the metric says that all is well", func() error { return has(p.get("/metrics"), "jamf_ldap_proxy_config_last_reload_successful 1") })
}

func has(text, part string) error {
	if !strings.Contains(text, part) {
		return fmt.Errorf("lacks %q", part)
	}
	return nil
}

// TestReloadOfListeners: new addresses are opened, removed ones closed while those
// connected there stay, and what is told of a listener counts from the next
// connection on.
func TestReloadOfListeners(t *testing.T) {
	t.Parallel()
	s := settings{servers: []string{embedded(t).url()}}
	p := startWith(t, s)
	plain := dialGoLDAP(t, p.ldap, service, password)

	both := s
	both.listenerTLS = true
	log := p.reload(both)
	var ldaps string
	for _, r := range log {
		if r.text("msg") == "listening" && r.text("protocol") == "ldaps" {
			ldaps = r.text("address")
		}
	}
	secure := goDial(t, "ldaps://"+ldaps, clientTLS(t))
	if err := secure.Bind(service, password); err != nil {
		t.Fatal(err)
	}
	upgraded := goDial(t, "ldap://"+p.ldap, nil)
	if err := upgraded.StartTLS(clientTLS(t)); err != nil {
		t.Errorf("StartTLS on a listener that was opened without: %v", err)
	}

	p.reload(s)
	eventually(t, "the removed listener is closed", func() error {
		conn, err := net.DialTimeout("tcp", ldaps, time.Second)
		if err == nil {
			conn.Close()
			return errors.New("it accepts")
		}
		return nil
	})
	usable(t, goClient{secure})

	closed := s
	closed.listener = yamlMap{"allow": []string{"192.0.2.1/32"}}
	p.reload(closed)
	if _, err := goldap.DialURL("ldap://" + p.ldap); err == nil {
		conn := dialWire(t, p.ldap)
		conn.write(message(1, whoAmIOp()))
		if len(conn.closedBy(patience)) != 0 {
			t.Error("a client that is not allowed any more was answered")
		}
	}
	usable(t, plain)
	p.reload(s)
	usable(t, dialGoLDAP(t, p.ldap, service, password))
}

// TestReloadNeedsARestart: what cannot change is named, the rest applies.
func TestReloadNeedsARestart(t *testing.T) {
	t.Parallel()
	s := settings{servers: []string{embedded(t).url()}, logLevel: "info"}
	p := startWith(t, s)
	other := s
	other.journal, other.logLevel = filepath.Join(t.TempDir(), "lookups.db"), "debug"
	other.web = yamlMap{"address": "127.0.0.1:1", "token_file": os.DevNull}
	text := strings.Replace(string(other.yaml(t)), "/dev/null", fileWith(t, "token", strings.Repeat("x", 40)), 1)
	log := p.reloadFile([]byte(text))
	eventually(t, "all keys are named", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		return has(fmt.Sprint(said(p.records, "needs a restart")), "needs a restart: web.address needs a restart: web.token_file needs a restart: journal.path")
	})
	if got := changedKeys(t, log); got != "[log.level]" {
		t.Errorf("the log says that %s has changed", got)
	}
	if err := has(p.get("/health"), "journal.path"); err != nil {
		t.Errorf("the page: %v", err)
	}
	usable(t, dialGoLDAP(t, p.ldap, service, password))
	p.awaitRecord("a message at level debug", func(r record) bool { return r.text("level") == "debug" })
}

func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
