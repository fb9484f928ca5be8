package upstream_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// What can happen to a connection while it is idle; each must be replaced
// without the next operation noticing.
func TestDeadIdleConnectionsAreReplaced(t *testing.T) {
	for name, kill := range map[string]func(*fakeConn){
		"closed": func(c *fakeConn) { _ = c.Conn.Close() },
		"notice": func(c *fakeConn) {
			_, _ = c.Conn.Write(ldap.AppendNoticeOfDisconnection(nil, ldap.Unavailable, "idle for too long"))
		},
		"reset": func(c *fakeConn) {
			if t, ok := c.Conn.(*tls.Conn); ok {
				_ = t.NetConn().Close()
				return
			}
			_ = c.Conn.Close()
		},
	} {
		ca := newAuthority(t)
		plain := newFake(t, nil)
		secure := newTLSFake(t, ca.serve(loopback()), nil)
		for scheme, f := range map[string]*fake{"ldap": plain, "ldaps": secure} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				p := newPool(t, func(c *upstream.Config) { c.TLS.CA = ca.file }, f.url(scheme))
				id := identity("cn=a", "pw-a")
				mustBind(t, p, id, ldap.Success)
				if a := mustBind(t, p, id, ldap.Success); !a.Reused {
					t.Fatal("a living connection was not reused")
				}
				f.each(kill)
				time.Sleep(20 * time.Millisecond) // for the loopback to deliver
				c := mustAcquire(t, p, id)
				defer c.Release()
				if c.Reused() {
					t.Error("got the dead connection")
				}
				if dns, err := search(t.Context(), c, "cn=a"); err != nil || len(dns) != 3 {
					t.Errorf("search: %v, %v", dns, err)
				}
				if p.gauges.get("idle") != 0 {
					t.Error("the dead connection is still counted")
				}
			})
		}
	}
}

// TLS may have fetched the notice from the socket together with the answer
// before it; peeking at the socket cannot see it then.
func TestNoticeBehindTheAnswerInTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ca := newAuthority(t)
		cfg := ca.serve(loopback())
		cfg.MaxVersion = version
		f := newFake(t, func(f *fake) {
			f.listener = tls.NewListener(corking{f.listener}, cfg)
			f.intercept = func(c *fakeConn, m ldap.Message) bool {
				if m.Op != ldap.OpSearchRequest {
					return false
				}
				socket := c.Conn.(*tls.Conn).NetConn().(*corked)
				socket.held = []byte{} // two TLS records in one segment
				_, _ = c.Write(done(m.ID))
				_, _ = c.Write(ldap.AppendNoticeOfDisconnection(nil, ldap.Unavailable, "bye"))
				_, _ = socket.Conn.Write(socket.held)
				socket.held = nil
				return true
			}
		})
		p := newPool(t, func(c *upstream.Config) { c.TLS.CA = ca.file }, f.url("ldaps"))
		for range 5 {
			c := mustAcquire(t, p, identity("cn=a", "pw-a"))
			if c.Reused() {
				t.Error("got a connection with a notice in it")
			}
			if _, err := search(t.Context(), c, "cn=a"); err != nil {
				t.Error(err)
			}
			c.Release()
		}
	}
}

// corked holds back what is written while held is not nil.
type corked struct {
	net.Conn
	held []byte
}

func (c *corked) Write(b []byte) (int, error) {
	if c.held == nil {
		return c.Conn.Write(b)
	}
	c.held = append(c.held, b...)
	return len(b), nil
}

type corking struct{ net.Listener }

func (l corking) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &corked{Conn: c}, err
}

func TestIdleConnectionsExpire(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, func(c *upstream.Config) { c.IdleTimeout = 40 * time.Millisecond }, f.url("ldap"))
	mustBind(t, p, identity("cn=a", "pw-a"), ldap.Success)
	mustBind(t, p, identity("cn=b", "pw-b"), ldap.Success)
	eventually(t, "both said goodbye", func() bool { return f.count("unbind") == 2 })
	eventually(t, "both are counted out", func() bool { return p.gauges.get("idle") == 0 })
}

func TestIdleConnectionsAreFew(t *testing.T) {
	f := newFake(t, nil)
	p := newPool(t, nil, f.url("ldap"))
	var leases []*upstream.Conn
	for range 70 {
		leases = append(leases, mustAcquire(t, p, identity("cn=a", "pw-a")))
	}
	if p.gauges.get("leased") != 70 {
		t.Errorf("leased: %d", p.gauges.get("leased"))
	}
	for _, c := range leases {
		c.Release()
	}
	if p.gauges.get("idle") != 64 || p.gauges.get("leased") != 0 {
		t.Errorf("idle: %d, leased: %d", p.gauges.get("idle"), p.gauges.get("leased"))
	}
}
