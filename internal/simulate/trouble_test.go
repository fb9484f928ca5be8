package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

func as(dn, password string) func(*simulate.Jamf) {
	return func(j *simulate.Jamf) {
		j.Account = simulate.Account{DN: dn, Password: secret.New([]byte(password))}
	}
}

// refusal checks an answer that ends with its bind.
func (r *rig) refusal(a *simulate.Answer, code int, name string) simulate.Problem {
	r.Helper()
	if len(a.Steps) != 1 || a.Steps[0].Op != "bind" || a.Steps[0].Result != code || a.Steps[0].ResultName != name || len(a.Problems) != 1 {
		r.Fatalf("steps %+v, problems %+v; want a bind with %d", a.Steps, a.Problems, code)
	}
	return r.problem(a, fmt.Sprintf("(%s, %d)", name, code))
}

func TestRefusedBinds(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	for _, c := range []struct {
		dn, password string
		code         int
		name, try    string
	}{
		{accountDN, "wrong", 49, "invalidCredentials", "Password"},
		{"uid=nobody," + base, "wrong", 49, "invalidCredentials", "Distinguished Username"},
		{"jamf.ldap", "wrong", 34, "invalidDNSyntax", "uid=NAME"},
		{accountDN, "", 53, "unwillingToPerform", "Fill in"},
		{"", "x", 53, "unwillingToPerform", "Fill in"},
	} {
		p := r.refusal(r.user(r.jamf(as(c.dn, c.password)), "jon"), c.code, c.name)
		if !strings.Contains(p.Try, c.try) {
			t.Errorf("%s with %q: try %q", c.dn, c.password, p.Try)
		}
	}
}

func TestTooManyWrongPasswords(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	j := r.jamf(as(accountDN, "wrong"))
	for range 5 {
		r.refusal(r.user(j, "jon"), 49, "invalidCredentials")
	}
	p := r.refusal(r.user(j, "jon"), 51, "busy")
	if !strings.Contains(p.What, "wait") || !strings.Contains(p.Try, "limits.failed_binds") {
		t.Errorf("problem %+v", p)
	}
}

func TestUpstreamStopped(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	if err := r.dir.Close(); err != nil {
		t.Fatal(err)
	}
	p := r.refusal(r.user(r.jamf(), "jon"), 52, "unavailable")
	if !strings.Contains(p.Try, "upstream.servers") {
		t.Errorf("try: %s", p.Try)
	}
}

// A user who may bind, but not search, gets 32 for everything at JumpCloud.
func TestAbsentSearchBase(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.user(r.jamf(func(j *simulate.Jamf) { j.Mappings.Users.SearchBase = "ou=People," + base }), "jon")
	if p := r.problem(a, "(noSuchObject, 32)"); !strings.Contains(p.Try, "Search Base") || len(a.Problems) != 1 {
		t.Errorf("problems %+v", a.Problems)
	}
}

func TestSlowBind(t *testing.T) {
	r := start(t, rewrite.ModePosix, func(s *setup) { s.directory.Latency = 20 * time.Millisecond })
	a := r.user(r.jamf(func(j *simulate.Jamf) { j.Mappings.ConnectionTimeout = 5 * time.Millisecond }), "jon")
	if p := r.problem(a, "Jamf gives up after 5ms"); !strings.Contains(p.Try, "Connection Timeout") || len(a.Users) != 1 {
		t.Errorf("problem %+v, users %+v", p, a.Users)
	}
}

func TestDialFails(t *testing.T) {
	broken := errors.New("no route")
	j := &simulate.Jamf{Dial: func(context.Context) (net.Conn, error) { return nil, broken }, Mappings: simulate.Default(base)}
	if a, err := j.User(context.Background(), "jon"); !errors.Is(err, broken) || a != nil || err.Error() != "connecting: no route" {
		t.Errorf("answer %v, error %v", a, err)
	}
}

// The end of ctx ends every wait: of the dial, of the bind, of a search.
func TestContextEnds(t *testing.T) {
	r := start(t, rewrite.ModePosix, func(s *setup) { s.directory.Latency = time.Hour })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	a, err := r.jamf().User(ctx, "jon")
	if !errors.Is(err, context.DeadlineExceeded) || a == nil || len(a.Steps) != 1 || a.Steps[0].Result != simulate.NoResult {
		t.Errorf("answer %+v, error %v", a, err)
	}
	if _, err := r.jamf().User(ctx, "jon"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the end: %v", err)
	}
	_ = r.dir.Close() // or the proxy waits for it
}

// A server that takes the connection and does nothing, not even read.
func TestDeafServer(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	j := &simulate.Jamf{Dial: func(context.Context) (net.Conn, error) { return client, nil }, Mappings: simulate.Default(base)}
	as(accountDN, "x")(j)
	if _, err := j.User(ctx, "jon"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestConnectionBreaks(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		_, _ = server.Read(make([]byte, 10))
		_ = server.Close()
	}()
	j := &simulate.Jamf{Dial: func(context.Context) (net.Conn, error) { return client, nil }, Mappings: simulate.Default(base)}
	as(accountDN, "x")(j)
	a, err := j.User(context.Background(), "jon")
	if err == nil || !strings.HasPrefix(err.Error(), "waiting for the answer to the bind: ") || a == nil || a.Steps[0].Diagnostic == "" {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

// A server that answers without end.
func TestFloodingServer(t *testing.T) {
	client, server := net.Pipe()
	written := make(chan int)
	go func() {
		defer server.Close()
		_, _ = server.Read(make([]byte, 1000))
		// A message of 256 MiB, in pieces.
		n, junk := 0, append([]byte{0x30, 0x84, 0x10, 0, 0, 0, 0x04, 0x84, 0x0f, 0xff, 0xff, 0xf0}, make([]byte, 1<<20)...)
		for {
			m, err := server.Write(junk)
			if n += m; err != nil {
				written <- n
				return
			}
		}
	}()
	j := &simulate.Jamf{Dial: func(context.Context) (net.Conn, error) { return client, nil }, Mappings: simulate.Default(base)}
	as(accountDN, "x")(j)
	if a, err := j.User(context.Background(), "jon"); err == nil || a == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Errorf("answer %+v, error %v", a, err)
	}
	if n := <-written; n < 63<<20 || n > 65<<20 {
		t.Errorf("%d bytes were read", n)
	}
}

func TestUselessMappings(t *testing.T) {
	for want, change := range map[string]func(*simulate.Mappings){
		"mappings: Username is empty; name an attribute, for example uid":               func(m *simulate.Mappings) { m.Users.Username = "" },
		"mappings: Group Name is empty; name an attribute, for example cn":              func(m *simulate.Mappings) { m.Groups.Name = "" },
		"mappings: Member User Mapping is empty; name an attribute, for example member": func(m *simulate.Mappings) { m.Membership.Attribute = "" },
		`mappings: Room is "a)(b", which is not the name of an attribute`:               func(m *simulate.Mappings) { m.Users.Room = "a)(b" },
		`mappings: Member User Mapping is "*", which is not the name of an attribute`:   func(m *simulate.Mappings) { m.Membership.Attribute = "*" },
		`mappings: Group UUID is "entry UUID", which is not the name of an attribute`:   func(m *simulate.Mappings) { m.Groups.UUID = "entry UUID" },
	} {
		j := &simulate.Jamf{Mappings: simulate.Default(base)}
		change(&j.Mappings)
		if a, err := j.Group(context.Background(), "x"); a != nil || fmt.Sprint(err) != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestPasswordsAreNotTold(t *testing.T) {
	const marker = "Pa55-marker"
	r := start(t, rewrite.ModePosix)
	check := func(what string, j *simulate.Jamf, a *simulate.Answer, err error) {
		t.Helper()
		text, jsonErr := json.Marshal(a)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		for _, s := range []string{string(text), fmt.Sprintf("%v %+v %#v", j, j, j), fmt.Sprintf("%v %+v %#v", a, a, a), fmt.Sprintf("%v %+v %#v", err, err, err)} {
			if strings.Contains(s, marker) {
				t.Errorf("%s tells the password: %s", what, s)
			}
		}
	}
	j := r.jamf(as(accountDN, marker))
	a, err := j.User(r.ctx(), "jon")
	check("a wrong password", j, a, err)
	client, server := net.Pipe()
	_ = server.Close()
	j.Dial = func(context.Context) (net.Conn, error) { return client, nil }
	a, err = j.User(r.ctx(), "jon")
	if err == nil {
		t.Error("no error over a closed connection")
	}
	check("a broken connection", j, a, err)
}

// The field names of the JSON form are an interface.
func TestJSON(t *testing.T) {
	r := start(t, rewrite.ModeOff)
	text, err := json.Marshal(r.membership(r.jamf(), "jon.snow", "gameOfThrones"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		`{"question":"membership","users":[{"dn":"uid=jon.snow,`, `"rows":[{"label":"User ID","attribute":"uid","values":["jon.snow"],"missing":false}`,
		`"members":4`, `"attribute":"gidNumber","values":[],"missing":true`, `"membership":{"member":true,"by":"search (`,
		`"steps":[{"op":"bind","base":"uid=jamf.ldap,`, `"scope":"sub","filter":"(`, `"attrs":["uid",`, `"result":0,"result_name":"success","diagnostic":"","entries":1,"ms":`,
		`"problems":[{"what":"`, `"try":"`,
	} {
		if !strings.Contains(string(text), key) {
			t.Errorf("no %s in %s", key, text)
		}
	}
	text, err = json.Marshal(r.user(r.jamf(as(accountDN, "wrong")), "jon"))
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
}
