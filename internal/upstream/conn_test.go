package upstream_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// answering is a directory that answers searches with the bytes given.
func answering(t *testing.T, answer func(id int32) []byte) *fake {
	return newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			if m.Op != ldap.OpSearchRequest {
				return false
			}
			_, _ = c.Write(answer(m.ID))
			return true
		}
	})
}

func silence(int32) []byte { return nil }

func TestHostileAnswers(t *testing.T) {
	notice := ldap.AppendNoticeOfDisconnection(nil, ldap.Unavailable, "going down")
	for _, tc := range []struct {
		name   string
		answer func(id int32) []byte
		want   string
		is     error
	}{
		{"foreign ID", func(id int32) []byte { return entry(id+1, "cn=x") }, "answer to message 3 where 2 was asked", ldap.ErrMalformed},
		{"answer of the bind again", func(int32) []byte { return ldap.AppendResult(nil, 1, ldap.OpBindResponse, &ldap.Result{}, nil) }, "answer to message 1 where 2 was asked", ldap.ErrMalformed},
		{"ID 0", func(int32) []byte { return entry(0, "cn=x") }, "under message ID 0", ldap.ErrMalformed},
		{"negative ID", func(int32) []byte { return entry(-1, "cn=x") }, "negative", ldap.ErrMalformed},
		{"ID above 2^31-1", func(int32) []byte { return []byte("\x30\x0b\x02\x05\x00\x80\x00\x00\x00\x65\x02\x0a\x00") }, "message ID", ldap.ErrMalformed},
		{"response of another operation", func(id int32) []byte {
			return ldap.AppendResult(nil, id, ldap.OpBindResponse, &ldap.Result{}, nil)
		}, "operation 0x61 answers 0x63", ldap.ErrMalformed},
		{"a request", func(id int32) []byte { return ldap.AppendOperation(nil, id, ldap.OpSearchRequest, nil, nil) }, "operation 0x63 answers 0x63", ldap.ErrMalformed},
		{"garbage", func(int32) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n") }, "not an LDAP message", ldap.ErrMalformed},
		{"empty message", func(int32) []byte { return []byte{0x30, 0} }, "malformed", ldap.ErrMalformed},
		{"indefinite length", func(int32) []byte { return []byte{0x30, 0x80, 0x02, 1, 2} }, "indefinite", ldap.ErrMalformed},
		{"giant header", func(int32) []byte { return []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02} }, "exceeds the limit of 1024 (see upstream.max_pdu)", ldap.ErrMalformed},
		{"notice of disconnection", func(int32) []byte { return notice }, "server disconnects: unavailable (52): going down", nil},
		{"broken notice", func(int32) []byte { return ldap.AppendOperation(nil, 0, ldap.OpExtendedResponse, nil, nil) }, "result code", ldap.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := answering(t, tc.answer)
			p := newPool(t, func(c *upstream.Config) { c.MaxPDU = 1024 }, f.url("ldap"))
			c := mustAcquire(t, p, identity("cn=a", "pw-a"))
			_, err := search(t.Context(), c, "cn=a")
			var e *upstream.Error
			if !errors.As(err, &e) || !e.Sent || e.Timeout || upstream.Retryable(err) {
				t.Fatalf("got %#v", err)
			}
			if !strings.HasPrefix(err.Error(), "receiving from "+f.url("ldap")+": ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
			if _, err := c.Receive(t.Context()); err == nil {
				t.Error("a broken connection went on")
			}
			c.Release() // must notice by itself
			if p.gauges.get("idle") != 0 {
				t.Error("the connection is kept")
			}
		})
	}
}

func TestNoticeCarriesItsResult(t *testing.T) {
	f := answering(t, func(int32) []byte { return ldap.AppendNoticeOfDisconnection(nil, ldap.Busy, "later") })
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Discard()
	_, err := search(t.Context(), c, "cn=a")
	var notice *upstream.DisconnectedError
	if !errors.As(err, &notice) || notice.Result.Code != ldap.Busy || notice.Result.Diagnostic != "later" {
		t.Errorf("got %v", err)
	}
}

func TestOtherUnsolicitedNotificationsAreIgnored(t *testing.T) {
	f := answering(t, func(id int32) []byte {
		out := ldap.AppendExtendedResponse(nil, 0, &ldap.Result{}, "1.2.3", nil)
		out = ldap.AppendOperation(append(out, entry(id, "cn=a")...), id, ldap.OpIntermediateResponse, nil, nil)
		return append(out, done(id)...)
	})
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []ber.Tag{ldap.OpSearchResultEntry, ldap.OpIntermediateResponse, ldap.OpSearchResultDone} {
		if m, err := c.Receive(t.Context()); err != nil || m.Op != want {
			t.Errorf("got 0x%02x, %v, want 0x%02x", byte(m.Op), err, byte(want))
		}
	}
}

func TestOctetsBehindTheAnswerSpoilTheConnection(t *testing.T) {
	f := answering(t, func(id int32) []byte { return append(done(id), done(id)...) })
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	if _, err := search(t.Context(), c, "cn=a"); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if p.gauges.get("idle") != 0 {
		t.Error("the connection is kept, and the next operation would read this one's answer")
	}
}

func TestHasMessage(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 4 { // the fake writes its whole answer at once
		if i > 0 && !c.HasMessage() {
			t.Errorf("message %d is here and not seen", i)
		}
		if _, err := c.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.HasMessage() {
		t.Error("a message behind the last")
	}
}

func TestCancelEndsReceiveAndAbandonTellsTheServer(t *testing.T) {
	f := answering(t, silence)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	_, err := search(ctx, c, "cn=a")
	var e *upstream.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Timeout || !e.Sent || time.Since(began) > 2*time.Second {
		t.Errorf("after %v: %#v", time.Since(began), err)
	}
	c.Abandon()
	c.Release() // of no effect
	eventually(t, "abandon, unbind", func() bool { return f.count("abandon") == 1 && f.count("unbind") == 1 })
	if p.gauges.get("idle")+p.gauges.get("leased") != 0 {
		t.Error("the connection is kept")
	}
}

func TestCancelIsNoticedBetweenBufferedMessages(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Abandon()
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A caller whose deferred cancel runs before its deferred Release loses nothing.
func TestCancelAfterTheAnswerDoesNoHarm(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	for range 20 {
		c := mustAcquire(t, p, identity("cn=a", "pw-a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := search(ctx, c, "cn=a"); err != nil {
			t.Fatal(err)
		}
		cancel()
		c.Release()
	}
	if f.count("dial") != 1 {
		t.Errorf("%d dials", f.count("dial"))
	}
}

func TestDeadlines(t *testing.T) {
	f := answering(t, silence)
	p := newPool(t, func(c *upstream.Config) { c.SearchTimeout = 80 * time.Millisecond }, f.url("ldap"))
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		want string
	}{
		{"the caller's", short, "context deadline exceeded"},
		{"ours", t.Context(), "no complete answer within upstream.search_timeout (80ms)"},
		{"ours, without any context", context.Background(), "no complete answer within upstream.search_timeout (80ms)"},
	} {
		c := mustAcquire(t, p, identity("cn=a", "pw-a"))
		_, err := search(tc.ctx, c, "cn=a")
		var e *upstream.Error
		if !errors.As(err, &e) || !e.Timeout || !errors.Is(err, context.DeadlineExceeded) || upstream.Retryable(err) {
			t.Errorf("%s: got %#v", tc.name, err)
		}
		if want := "receiving from " + f.url("ldap") + ": " + tc.want; err.Error() != want {
			t.Errorf("%s: got %v", tc.name, err)
		}
		c.Abandon()
	}
	eventually(t, "three abandons", func() bool { return f.count("abandon") == 3 })
}

func TestOneOperationAfterTheOtherOnOneLease(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Release()
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := search(ctx, c, "cn=a"); err != nil {
			t.Error(err)
		}
		cancel()
	}
	if err := c.Send(ldap.OpCompareRequest, ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: "cn=a", Attr: "cn", Value: "a"}), nil); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Receive(t.Context()); err != nil || m.Op != ldap.OpCompareResponse {
		t.Errorf("compare: 0x%02x, %v", byte(m.Op), err)
	}
}

func TestMisuseOfALease(t *testing.T) {
	f := answering(t, silence)
	p := newPool(t, nil, f.url("ldap"))
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	for _, op := range []ber.Tag{ldap.OpBindRequest, ldap.OpUnbindRequest, ldap.OpAbandonRequest, ldap.OpSearchResultDone} {
		if err := c.Send(op, nil, nil); err == nil {
			t.Errorf("sent 0x%02x", byte(op))
		}
	}
	if _, err := c.Receive(t.Context()); err == nil {
		t.Error("received without having sent")
	}
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err == nil {
		t.Error("sent two operations at once")
	}
	c.Release() // unfinished: closes
	if p.gauges.get("idle") != 0 {
		t.Error("an unfinished connection is kept")
	}
	if err := c.Send(ldap.OpSearchRequest, searchBody("cn=a"), nil); err == nil {
		t.Error("sent after the end of the lease")
	}
	if _, err := c.Receive(t.Context()); err == nil || c.HasMessage() {
		t.Error("received after the end of the lease")
	}
	c.Discard()
	c.Abandon()
	if p.gauges.get("leased") != 0 {
		t.Errorf("leased: %d", p.gauges.get("leased"))
	}
}

// What the second operation of a lease asks may depend on the first.
func TestNextPageIsNotRetryable(t *testing.T) {
	var page atomic.Int32
	f := newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			if m.Op != ldap.OpSearchRequest || page.Add(1) < 2 {
				return false
			}
			_ = c.Conn.Close()
			return true
		}
	})
	p := newPool(t, nil, f.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	c := mustAcquire(t, p, identity("cn=a", "pw-a"))
	defer c.Discard()
	if _, err := search(t.Context(), c, "cn=a"); err != nil {
		t.Fatal(err)
	}
	if _, err := search(t.Context(), c, "cn=a"); err == nil || upstream.Retryable(err) {
		t.Errorf("got %v", err)
	}
}

// A reused connection that dies under a search may be replaced, once; nothing
// else may.
func TestRetryable(t *testing.T) {
	var die atomic.Int32 // how the next search dies; 0: not at all
	const silently, midAnswer, midMessage, withNotice = 1, 2, 3, 4
	f := newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			if m.Op == ldap.OpBindRequest {
				return false
			}
			how := die.Swap(0)
			switch how {
			case midAnswer:
				_, _ = c.Write(entry(m.ID, "cn=a"))
			case midMessage:
				_, _ = c.Write(entry(m.ID, "cn=a")[:5])
			case withNotice:
				_, _ = c.Write(ldap.AppendNoticeOfDisconnection(nil, ldap.Unavailable, "idle"))
			}
			if how != 0 {
				_ = c.Conn.Close()
			}
			return how != 0
		}
	})
	p := newPool(t, nil, f.url("ldap"))
	id := identity("cn=a", "pw-a")
	for _, tc := range []struct {
		name   string
		how    int32
		reused bool
		op     ber.Tag
		want   bool
	}{
		{"reused, nothing received", silently, true, ldap.OpSearchRequest, true},
		{"reused, notice only", withNotice, true, ldap.OpSearchRequest, true},
		{"reused compare", silently, true, ldap.OpCompareRequest, true},
		{"reused, an entry received", midAnswer, true, ldap.OpSearchRequest, false},
		{"reused, half an entry received", midMessage, true, ldap.OpSearchRequest, false},
		{"reused modify", silently, true, ldap.OpModifyRequest, false},
		{"fresh, nothing received", silently, false, ldap.OpSearchRequest, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mustBind(t, p, id, ldap.Success)
			c, err := p.AcquireFresh(t.Context(), id)
			if tc.reused {
				if err == nil {
					c.Release()
				}
				c, err = p.Acquire(t.Context(), id)
			}
			if err != nil || c.Reused() != tc.reused {
				t.Fatalf("reused %v, %v", c.Reused(), err)
			}
			die.Store(tc.how)
			if err = c.Send(tc.op, searchBody("cn=a"), nil); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = c.Receive(t.Context())
			}
			c.Discard()
			if upstream.Retryable(err) != tc.want {
				t.Errorf("retryable %v: %v", !tc.want, err)
			}
			c, err = p.AcquireFresh(t.Context(), id)
			if err != nil || c.Reused() {
				t.Fatalf("fresh: %v", err)
			}
			if _, err := search(t.Context(), c, "cn=a"); err != nil {
				t.Error(err)
			}
			c.Release()
		})
	}
}
