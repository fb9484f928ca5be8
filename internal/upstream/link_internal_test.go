package upstream

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

func newSecret(s string) secret.Password { return secret.New([]byte(s)) }

// wire is a connection without a server: it remembers the memory it was asked
// to write, and reads whatever in holds.
type wire struct {
	net.Conn
	in      io.Reader
	written [][]byte
	sent    bytes.Buffer
}

func (w *wire) Read(b []byte) (int, error) { return w.in.Read(b) }
func (w *wire) Write(b []byte) (int, error) {
	w.written = append(w.written, b)
	return w.sent.Write(b)
}
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func newLease(t *testing.T, in io.Reader) (*Conn, *wire) { return newLeaseAt(t, in, time.Now) }

func newLeaseAt(t *testing.T, in io.Reader, now func() time.Time) (*Conn, *wire) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Servers, cfg.Warm = []string{"ldap://localhost"}, 0
	p, err := New(cfg, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	w := &wire{in: in}
	return &Conn{pool: p, link: newLink(p.servers[0], w)}, w
}

func TestMessageIDsWrap(t *testing.T) {
	l := &link{lastID: math.MaxInt32 - 1}
	for _, want := range []int32{math.MaxInt32, 1, 2} {
		if got := l.nextID(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

// No request leaves a trace in the write buffer, and each is one write.
func TestRequestsAreWiped(t *testing.T) {
	answer := ldap.AppendResult(nil, 1, ldap.OpBindResponse, &ldap.Result{}, nil)
	c, w := newLease(t, bytes.NewReader(answer))
	if _, _, err := c.bind(t.Context(), NewIdentity("cn=a", newSecret("geheim")), []byte{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ldap.OpModifyRequest, []byte("userPassword: geheim"), nil); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(w.sent.Bytes(), []byte("geheim")); len(w.written) != 2 || n != 2 {
		t.Fatalf("%d writes, password %d times", len(w.written), n)
	}
	for _, b := range append(w.written, c.link.out) {
		if rest := bytes.Trim(b[:cap(b)], "\x00"); len(rest) > 0 {
			t.Errorf("left in memory: %q", rest)
		}
	}
}

// endless repeats one message.
type endless struct{ message []byte }

func (e *endless) Read(b []byte) (int, error) { return copy(b, e.message), nil }

func TestSteadyStateAllocatesNothing(t *testing.T) {
	body := ber.Append(nil, ber.OctetString, "cn=a")
	message := ldap.AppendOperation(nil, 1, ldap.OpSearchResultEntry, ber.Append(body, ber.Sequence, ""), nil)
	c, w := newLease(t, &endless{message})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request := make([]byte, 300)
	send := func() {
		c.op, c.link.lastID = 0, 0
		w.sent.Reset()
		w.written = w.written[:0]
		if err := c.Send(ldap.OpSearchRequest, request, nil); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if n := testing.AllocsPerRun(100, send); n > 0 {
		t.Errorf("Send allocates %v times", n)
	}
	receive := func() {
		if _, err := c.Receive(ctx); err != nil {
			t.Fatal(err)
		}
	}
	receive()
	if n := testing.AllocsPerRun(100, receive); n > 0 {
		t.Errorf("Receive allocates %v times", n)
	}
	c.watch.disarm()
}

func TestPlaintextStaysOnThisMachine(t *testing.T) {
	near, far := net.Pipe() // its addresses are not of TCP, and so not of this machine
	defer near.Close()
	defer far.Close()
	l := newLink(&server{local: true}, near)
	if err := l.secure(t.Context()); err == nil {
		t.Error("spoke plain text to another machine")
	}
}

// Time is a field: an idle connection expires by the pool's clock, at acquire
// as in the keeper.
func TestExpiryFollowsTheClock(t *testing.T) {
	var now atomic.Int64 // nanoseconds
	c, _ := newLeaseAt(t, bytes.NewReader(nil), func() time.Time { return time.Unix(1000, now.Load()) })
	p := c.pool
	p.closeIdle()
	id := NewIdentity("cn=a", newSecret("pw"))
	near, far := net.Pipe()
	defer far.Close()
	l := newLink(p.servers[0], near)
	l.owner = id.key
	p.giveBack(l)
	now.Add(int64(p.cfg.IdleTimeout - 1))
	if got := p.takeIdle(id.key); got != l {
		t.Fatal("expired too early")
	}
	p.giveBack(l)
	now.Add(int64(p.cfg.IdleTimeout))
	if p.takeIdle(id.key) != nil {
		t.Error("leased after its time")
	}
}
