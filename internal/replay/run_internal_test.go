package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/secret"
)

const (
	base   = directory.SampleBase
	waiter = 20 * time.Second // what must not happen takes longer than this
)

func sample(t *testing.T) *directory.Directory {
	t.Helper()
	dir, err := directory.New(directory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	if err := dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func serverAt(name, address string) *Server {
	return &Server{
		Name: name, DN: "uid=jamf.ldap," + base, Password: secret.New([]byte(directory.SamplePassword)),
		Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) },
	}
}

func search(filter string, attrs ...string) *lookup.Record {
	return &lookup.Record{Op: lookup.OpSearch, Base: base, Scope: "sub", Filter: filter, Attrs: attrs, Controls: []string{ldap.OIDManageDsaIT}, TimeLimit: 61}
}

func compare(group, filter string) *lookup.Record {
	return &lookup.Record{Op: lookup.OpCompare, Base: "cn=" + group + "," + base, Filter: filter}
}

func all(records ...*lookup.Record) iter.Seq2[*lookup.Record, error] {
	return func(yield func(*lookup.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(context.Background(), waiter)
	t.Cleanup(cancel)
	return c
}

func TestRun(t *testing.T) {
	dir := sample(t)
	records := []*lookup.Record{
		search("(uid=jon.snow)", "cn", "entryUUID"), search("(uid=jon.snow)", "entryUUID", "cn"), search("(uid=***)"),
		{Op: lookup.OpBind, BindDN: "uid=jon.snow," + base}, {Op: lookup.OpAdd, Base: "uid=new," + base},
		compare("gameOfThrones", "(member=uid=jon.snow,"+base+")"), compare("gameOfThrones", "(memberUid=jon.snow)"),
		search("(cn=broken"), {Op: lookup.OpSearch, Scope: "base", Filter: "(objectClass=*)"},
	}
	a := spy(t, dir.Addr())
	report, err := Run(ctx(t), all(records...), Options{A: serverAt("a", a.address), B: serverAt("b", dir.Addr()), Limit: 100, Case: func(c *Case) { t.Errorf("differs: %+v", c) }})
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Asked: 4, Same: 4, PassedOver: map[Reason]int{Repeated: 1, NoQuestion: 2, Unreadable: 1, Masked: 1}}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
	// Nothing but one bind, as who was given, searches, compares and a good-bye.
	requests := []string{"bind uid=jamf.ldap," + base, "search", "compare", "compare", "search", "unbind"}
	deadline := time.Now().Add(waiter)
	for len(a.requests()) < len(requests) && time.Now().Before(deadline) { // nobody waits for the answer to a good-bye
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff(requests, a.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestRunTellsDifferences(t *testing.T) {
	a, b := sample(t), sample(t)
	spoiled := spy(t, b.Addr())
	spoiled.change = func(m ldap.Message) []byte { // another answer to the compare
		if m.Op != ldap.OpCompareResponse {
			return nil
		}
		return ldap.AppendResult(nil, m.ID, m.Op, &ldap.Result{Code: ldap.NoSuchAttribute}, nil)
	}
	var cases []*Case
	var seen int
	report, err := Run(ctx(t), all(search("(uid=jon.snow)"), compare("gameOfThrones", "(member=uid=jon.snow,"+base+")")), Options{
		A: serverAt("a", a.Addr()), B: serverAt("b", spoiled.address), Limit: 100, Case: func(c *Case) { cases = append(cases, c) }, Progress: func(Report) { seen++ },
	})
	if err != nil || report.Same != 1 || report.Different != 1 || seen != 2 || len(cases) != 1 {
		t.Fatalf("%+v, %d times progress, %d cases, %v", report, seen, len(cases), err)
	}
	want := []Difference{{A: []string{"compareTrue"}, B: []string{"noSuchAttribute"}}}
	if diff := cmp.Diff(want, cases[0].Differences); diff != "" || cases[0].A.Result != "compareTrue" {
		t.Errorf("%+v %s", cases[0], diff)
	}
}

func TestRunEndsAtItsLimit(t *testing.T) {
	dir := sample(t)
	var records []*lookup.Record
	for i := range 50 {
		records = append(records, search(fmt.Sprintf("(uid=u%d)", i)))
	}
	report, err := Run(ctx(t), all(records...), Options{A: serverAt("a", dir.Addr()), B: serverAt("b", dir.Addr()), Limit: 7})
	if err != nil || report.Asked != 7 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestRunKeepsItsRate(t *testing.T) {
	dir := sample(t)
	const every = 30 * time.Millisecond
	start := time.Now()
	_, err := Run(ctx(t), all(search("(uid=a)"), search("(uid=b)"), search("(uid=c)")), Options{A: serverAt("a", dir.Addr()), B: serverAt("b", dir.Addr()), Limit: 7, Every: every})
	if took := time.Since(start); err != nil || took < 2*every {
		t.Errorf("three questions took %v, %v", took, err)
	}
}

func TestRunEndsEarly(t *testing.T) {
	dir := sample(t)
	run := func(a *Server, c context.Context, records iter.Seq2[*lookup.Record, error]) (Report, error) {
		return Run(c, records, Options{A: a, B: serverAt("b", dir.Addr()), Limit: 100})
	}
	wrong := serverAt("a", dir.Addr())
	wrong.Password = secret.New([]byte("hunter2"))
	var refused *RefusedError
	if _, err := run(wrong, ctx(t), all(search("(uid=a)"))); !errors.As(err, &refused) || refused.Code != ldap.InvalidCredentials || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := run(serverAt("a", "127.0.0.1:1"), ctx(t), all(search("(uid=a)"))); err == nil || !strings.Contains(err.Error(), "a: connecting") {
		t.Errorf("nobody there: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx(t))
	report, err := run(serverAt("a", dir.Addr()), cancelled, func(yield func(*lookup.Record, error) bool) {
		for i := 0; ; i++ {
			if i == 3 {
				cancel()
			}
			if !yield(search(fmt.Sprintf("(uid=u%d)", i)), nil) {
				return
			}
		}
	})
	if !errors.Is(err, context.Canceled) || report.Asked != 3 {
		t.Errorf("cancelled: %+v, %v", report, err)
	}
	broken := func(yield func(*lookup.Record, error) bool) { yield(nil, io.ErrUnexpectedEOF) }
	if _, err := run(serverAt("a", dir.Addr()), ctx(t), broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken source: %v", err)
	}
}

// A connection that breaks is opened anew; a server that never answers ends it.
func TestRunOverBadConnections(t *testing.T) {
	dir := sample(t)
	once := spy(t, dir.Addr())
	var cut atomic.Bool
	once.change = func(m ldap.Message) []byte {
		if m.Op == ldap.OpSearchResultDone && cut.CompareAndSwap(false, true) {
			return []byte{} // hang up
		}
		return nil
	}
	report, err := Run(ctx(t), all(search("(uid=jon.snow)"), search("(uid=a)")), Options{A: serverAt("a", once.address), B: serverAt("b", dir.Addr()), Limit: 100})
	if err != nil || report.Same != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	if binds := strings.Count(strings.Join(once.requests(), " "), "bind uid"); binds != 2 {
		t.Errorf("%d binds, want 2: %q", binds, once.requests())
	}
	never := spy(t, dir.Addr())
	never.change = func(m ldap.Message) []byte {
		if m.Op == ldap.OpSearchResultDone {
			return []byte{}
		}
		return nil
	}
	var records []*lookup.Record
	for i := range 50 {
		records = append(records, search(fmt.Sprintf("(uid=u%d)", i)))
	}
	report, err = Run(ctx(t), all(records...), Options{A: serverAt("a", never.address), B: serverAt("b", dir.Addr()), Limit: 100})
	if !errors.Is(err, errDead) || report.Unanswered != maxUnanswered || report.Asked != maxUnanswered {
		t.Errorf("%+v, %v", report, err)
	}
}

// spying is a relay to a server that notes the requests.
type spying struct {
	address string
	change  func(ldap.Message) []byte // of an answer: what to send instead; empty hangs up, nil changes nothing

	mu   sync.Mutex
	list []string
}

func (s *spying) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

func spy(t *testing.T, to string) *spying {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &spying{address: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			serving.Go(func() { s.relay(client, server, s.note) })
			serving.Go(func() { s.relay(server, client, s.alter) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return s
}

// relay passes messages on, as pass would have them, until one side ends.
func (s *spying) relay(from, to net.Conn, pass func(ldap.Message) []byte) {
	defer from.Close()
	defer to.Close()
	for framer := ldap.NewFramer(from); ; {
		frame, err := framer.Next(1<<20, nil)
		if err != nil {
			return
		}
		out := slices.Clone(frame)
		if m, err := ldap.ParseMessage(out); err == nil {
			if other := pass(m); other != nil {
				out = other
			}
		}
		if len(out) == 0 {
			return
		}
		if _, err := to.Write(out); err != nil {
			return
		}
	}
}

func (s *spying) note(m ldap.Message) []byte {
	what := fmt.Sprintf("%#x", m.Op)
	switch m.Op {
	case ldap.OpBindRequest:
		bind, _ := ldap.DecodeBindRequest(m.Body)
		what = "bind " + bind.Name
	case ldap.OpSearchRequest:
		what = "search"
	case ldap.OpCompareRequest:
		what = "compare"
	case ldap.OpUnbindRequest:
		what = "unbind"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, what)
	return nil
}

func (s *spying) alter(m ldap.Message) []byte {
	if s.change == nil {
		return nil
	}
	return s.change(m)
}
