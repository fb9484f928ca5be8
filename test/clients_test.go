package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// client is one LDAP library, bound to one server.
type client interface {
	// ask answers one request. can says whether this library is able to send
	// it at all.
	ask(t testing.TB, q request) answer
	can(q request) bool
}

// clientKinds are the libraries that a suite is run with.
var clientKinds = []struct {
	name string
	dial func(t testing.TB, address, dn, password string) client
}{
	{"jndi", dialJNDI},
	{"go-ldap", dialGoLDAP},
	{"ldap-utils", newLDAPUtils},
	{"wire", dialBound},
}

// forEachClient runs a test with every library, each on a connection of its
// own, bound as the service account.
func forEachClient(t *testing.T, address string, test func(t *testing.T, c client)) {
	for _, kind := range clientKinds {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.dial(t, address, service, password)) })
	}
}

// goClient is github.com/go-ldap/ldap.
type goClient struct{ *goldap.Conn }

func dialGoLDAP(t testing.TB, address, dn, password string) client {
	t.Helper()
	c := goDial(t, "ldap://"+address, nil)
	if err := c.Bind(dn, password); err != nil {
		t.Fatalf("bind as %s: %v", dn, err)
	}
	return goClient{c}
}

func goDial(t testing.TB, url string, config *tls.Config) *goldap.Conn {
	t.Helper()
	var options []goldap.DialOpt
	if config != nil {
		options = append(options, goldap.DialWithTLSConfig(config))
	}
	c, err := goldap.DialURL(url, options...)
	if err != nil {
		t.Fatalf("connecting to %s: %v", url, err)
	}
	c.SetTimeout(patience)
	t.Cleanup(func() { c.Close() })
	return c
}

func (goClient) can(q request) bool {
	_, err := goldap.CompileFilter(q.Filter)
	return q.Compare || err == nil
}

func (c goClient) ask(t testing.TB, q request) answer {
	t.Helper()
	if q.Compare {
		yes, err := c.Compare(q.Base, q.Attr, q.Value)
		if err != nil {
			return goAnswer(t, nil, err)
		}
		return answer{Code: map[bool]int{true: goldap.LDAPResultCompareTrue, false: goldap.LDAPResultCompareFalse}[yes]}
	}
	result, err := c.Search(goRequest(q))
	return goAnswer(t, result, err)
}

func goRequest(q request, controls ...goldap.Control) *goldap.SearchRequest {
	return goldap.NewSearchRequest(q.Base, q.Scope, goldap.NeverDerefAliases, q.Size, q.Time, q.Types, q.Filter, q.Attrs, controls)
}

func goAnswer(t testing.TB, result *goldap.SearchResult, err error) answer {
	t.Helper()
	var a answer
	var failure *goldap.Error
	switch {
	case errors.As(err, &failure) && failure.ResultCode < goldap.ErrorNetwork:
		a.Code, a.Matched, a.Text = int(failure.ResultCode), failure.MatchedDN, failure.Err.Error()
	case err != nil:
		t.Fatalf("go-ldap: %v", err)
	}
	if result != nil {
		for _, e := range result.Entries {
			out := entry{DN: e.DN, Attrs: map[string][]string{}}
			for _, attr := range e.Attributes {
				out.Attrs[attr.Name] = append([]string{}, attr.Values...)
			}
			a.Entries = append(a.Entries, out)
		}
	}
	return a
}

// resultCode returns the LDAP result code behind an error of go-ldap, 0 for
// nil, and fails the test for anything that is no answer of a server.
func resultCode(t testing.TB, err error) int {
	t.Helper()
	return goAnswer(t, nil, err).Code
}

// ldapUtils are OpenLDAP's command line clients: one process, one connection
// and one bind per request.
type ldapUtils struct{ url, dn, password string }

func newLDAPUtils(t testing.TB, address, dn, password string) client {
	t.Helper()
	need(t, "ldapsearch", "ldapcompare", "ldapwhoami")
	return ldapUtils{"ldap://" + address, dn, password}
}

// ldapsearch checks filters more strictly than others before it sends them.
func (ldapUtils) can(q request) bool { return !strings.Contains(q.Filter, "**") }

func (c ldapUtils) ask(t testing.TB, q request) answer {
	t.Helper()
	args := []string{"-x", "-H", c.url, "-D", c.dn, "-w", c.password, "-o", "nettimeout=15"}
	if q.Compare {
		_, text, code := runTool(t, "ldapcompare", append(args, q.Base, q.Attr+":"+q.Value)...)
		return answer{Code: code, Text: text}
	}
	args = append(args, "-LLL", "-o", "ldif-wrap=no", "-b", q.Base, "-s", [...]string{"base", "one", "sub"}[q.Scope],
		"-z", strconv.Itoa(q.Size), "-l", strconv.Itoa(q.Time))
	if q.Types {
		args = append(args, "-A")
	}
	out, text, code := runTool(t, "ldapsearch", append(append(args, q.Filter), q.Attrs...)...)
	a := answer{Code: code, Text: text, Entries: parseLDIF(t, out)}
	if q.Types { // "cn:" means a type without values here, not an empty value
		for _, e := range a.Entries {
			for name := range e.Attrs {
				e.Attrs[name] = []string{}
			}
		}
	}
	return a
}

// runTool runs a command line client. Its exit code is the LDAP result code.
func runTool(t testing.TB, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, findProgram(name), args...)
	cmd.Env = append(os.Environ(), "LDAPNOINIT=1", "LDAPTLS_REQCERT=demand")
	if cafile := pki(t).caPEM; cafile != "" {
		cmd.Env = append(slices.DeleteFunc(cmd.Env, func(v string) bool { return v == "LDAPNOINIT=1" }), "LDAPTLS_CACERT="+cafile, "LDAPCONF=/dev/null")
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s did not end within %v", name, 2*patience)
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatalf("%s: %v", name, err)
	}
	return out.String(), errs.String(), code
}

// wireClient asks by hand.
type wireClient struct{ *wire }

func dialBound(t testing.TB, address, dn, password string) client {
	t.Helper()
	w := dialWire(t, address)
	w.bind(dn, password)
	return wireClient{w}
}

func (wireClient) can(q request) bool { return q.Compare || goClient{}.can(q) }

func (c wireClient) ask(t testing.TB, q request) answer {
	t.Helper()
	r := c.wire.ask(q.wire(t), control(oidManageDSA, false))
	return r.answer(t)
}

// typesOnly sets the field of that name in a search operation.
func typesOnly(op []byte) []byte {
	outer, _, err := next(op)
	if err != nil {
		panic(err)
	}
	parts, err := elements(outer.body)
	if err != nil {
		panic(err)
	}
	var raw [][]byte
	for i, p := range parts {
		if i == 5 {
			p.raw = boolean(true)
		}
		raw = append(raw, p.raw)
	}
	return tlv(opSearch, raw...)
}

// jndiClient is a JNDI context in the Java machine of the run.
type jndiClient struct {
	vm   *javaMachine
	name string
}

func dialJNDI(t testing.TB, address, dn, password string) client {
	t.Helper()
	return openJNDI(t, "ldap://"+address, simpleBind(dn, password)...)
}

// simpleBind is the JNDI environment of a simple bind.
func simpleBind(dn, password string) []string {
	return []string{
		"java.naming.security.authentication=simple",
		"java.naming.security.principal=" + dn,
		"java.naming.security.credentials=" + password,
	}
}

func openJNDI(t testing.TB, url string, env ...string) jndiClient {
	t.Helper()
	c := newJNDI(t)
	if a := c.open(url, env...); a.Code != 0 {
		t.Fatalf("JNDI context on %s: %s", url, a.Text)
	}
	return c
}

// newJNDI names a context that is not open yet.
func newJNDI(t testing.TB) jndiClient {
	t.Helper()
	vm := startedJava(t)
	return jndiClient{vm, fmt.Sprint("context", vm.last.Add(1))}
}

// open makes an InitialLdapContext, which connects and binds; a failure is an
// answer too. Without authentication it sends no bind.
func (c jndiClient) open(url string, env ...string) answer { return c.openAs("ldap", url, env...) }

// openDir makes an InitialDirContext. Without authentication it sends an
// anonymous bind.
func (c jndiClient) openDir(url string, env ...string) answer { return c.openAs("dir", url, env...) }

func (c jndiClient) openAs(kind, url string, env ...string) answer {
	return c.do("open", append([]string{kind, "java.naming.provider.url=" + url,
		"com.sun.jndi.ldap.connect.timeout=15000", "com.sun.jndi.ldap.read.timeout=30000"}, env...)...)
}

// share opens a second context on the connection of the first.
func (c jndiClient) share(t testing.TB) jndiClient {
	t.Helper()
	other := newJNDI(t)
	if a := other.do("share", c.name); a.Code != 0 {
		t.Fatalf("JNDI newInstance: %s", a.Text)
	}
	return other
}

func (c jndiClient) close() { c.do("close") }

// do runs an operation of JndiClient.java on this context.
func (c jndiClient) do(operation string, args ...string) answer {
	return c.vm.do(operation, append([]string{c.name}, args...)...)
}

// JNDI parses base and filter itself, and has types-only only per context.
func (jndiClient) can(q request) bool {
	_, err := goldap.ParseDN(q.Base)
	return err == nil && !q.Types
}

func (c jndiClient) ask(t testing.TB, q request) answer {
	t.Helper()
	if q.Compare {
		return c.compare(q)
	}
	a := c.do("search", searchArgs(q)...)
	if a.Code == -1 {
		t.Fatalf("%v: %s", q, a.Text)
	}
	return a
}

func searchArgs(q request) []string {
	attrs := q.Attrs
	if len(attrs) == 0 {
		attrs = []string{"*"}
	}
	return append([]string{q.Base, strconv.Itoa(q.Scope), q.Filter, strconv.Itoa(q.Size), strconv.Itoa(1000 * q.Time)}, attrs...)
}

// compare asks as JNDI does it: JNDI has no compare, but sends one for a base
// search without attributes and with a single "=" in its filter. One result
// means true, none false.
func (c jndiClient) compare(q request) answer {
	value := strings.ReplaceAll(goldap.EscapeFilter(q.Value), "=", `\3d`)
	a := c.do("search", searchArgs(read(q.Base, "("+q.Attr+"="+value+")", "1.1"))...)
	if a.Code == 0 {
		a.Code = goldap.LDAPResultCompareFalse
		if len(a.Entries) == 1 {
			a.Code = goldap.LDAPResultCompareTrue
		}
		a.Entries = nil
	}
	return a
}
