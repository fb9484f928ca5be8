package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

// client is a connection to an LDAP server. The wire is go-ldap's.
type client struct {
	raw   net.Conn
	meter *metered
	ldap  *goldap.Conn
}

// dial opens a connection, over TLS if there is a configuration of it. It ends
// with ctx.
func dial(ctx context.Context, address string, over *tls.Config) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if over != nil {
		secure := tls.Client(conn, over)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	return newClient(conn, over != nil), nil
}

func newClient(conn net.Conn, secure bool) *client {
	c := &client{raw: conn, meter: &metered{Conn: conn, left: maxBytes}}
	c.ldap = goldap.NewConn(c.meter, secure)
	c.ldap.Start()
	return c
}

// do makes a request. The end of ctx ends it by closing the connection, and is
// then the error.
func (c *client) do(ctx context.Context, request func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	err := request()
	if !stop() {
		return context.Cause(ctx)
	}
	if _, refused := answerOf(err); err != nil && !refused {
		if why := c.meter.failure.Load(); why != nil { // go-ldap may say no more than "connection closed"
			return *why
		}
	}
	return err
}

// askStartTLS asks whether the server would switch to TLS, and leaves it there.
func (c *client) askStartTLS() error {
	_, err := c.ldap.Extended(goldap.NewExtendedRequest(ldap.OIDStartTLS, nil))
	return err
}

// bind logs in, and returns what the server says about the password if it says
// anything.
func (c *client) bind(ctx context.Context, as Account) (*goldap.ControlBeheraPasswordPolicy, error) {
	var result *goldap.SimpleBindResult
	err := c.do(ctx, func() (err error) {
		result, err = c.ldap.SimpleBind(&goldap.SimpleBindRequest{
			Username: as.DN, Password: string(as.Password.Reveal()),
			Controls: []goldap.Control{goldap.NewControlBeheraPasswordPolicy()},
		})
		return err
	})
	if result == nil {
		return nil, err
	}
	policy, _ := goldap.FindControl(result.Controls, goldap.ControlTypeBeheraPasswordPolicy).(*goldap.ControlBeheraPasswordPolicy)
	return policy, err
}

// broken tells whether the connection has ended.
func (c *client) broken() bool { return c == nil || c.ldap.IsClosing() }

// close says good-bye, and begins to close at the bottom: go-ldap waits for a
// write that is on its way.
func (c *client) close() {
	if !c.ldap.IsClosing() {
		_ = c.raw.SetDeadline(time.Now().Add(time.Second))
		_ = c.ldap.Unbind()
	}
	_ = c.raw.Close()
	_ = c.ldap.Close()
}

// answer is a result other than success.
type answer struct {
	code       ldap.ResultCode
	diagnostic string
}

// answerOf tells what a server said from what kept it from saying anything.
func answerOf(err error) (answer, bool) {
	var e *goldap.Error
	if !errors.As(err, &e) || e.ResultCode >= goldap.ErrorNetwork {
		return answer{}, false
	}
	a := answer{code: ldap.ResultCode(e.ResultCode)}
	if e.Err != nil {
		a.diagnostic = e.Err.Error()
	}
	return a, true
}

func (a answer) String() string {
	s := fmt.Sprintf("%v (%d)", a.code, int32(a.code))
	if a.diagnostic != "" {
		s += ": " + a.diagnostic
	}
	return s
}

// maxBytes bounds what a server may send over one connection: the members of
// ten thousand groups of a thousand, twice.
const maxBytes = 2 << 30

// metered is a connection that fails when the server sends too much.
type metered struct {
	net.Conn
	left    int64
	failure atomic.Pointer[error] // of reading; not the end of the stream
}

func (c *metered) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the server has sent more than %d MiB", maxBytes>>20)
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.failure.Store(&err)
	}
	return n, err
}
