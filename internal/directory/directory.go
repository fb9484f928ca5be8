// Package directory is an LDAP server that behaves like JumpCloud's: one flat
// container of users and groups, simple bind only, read-only, slapd's result
// codes. The demo and the tests use it as the upstream of the proxy.
//
// It is built on gldap so that its codec is independent of the proxy's own.
// gldap alone cannot be the server that is needed here (it takes no listener,
// closes the connection on Abandon, Compare and SASL bind, hangs on Stop while
// a client is connected and starts a search before the bind in front of it has
// finished), so a relay stands before it. The relay owns the client's
// connection, answers what gldap cannot, and hands binds and searches to gldap
// on a private loopback port:
//
//	client -> listener -> relay -> gldap -> bind and search handlers
//	                        \-> compare, extended, writes, abandon
package directory

import (
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// SampleBase is the container of the embedded sample organisation, and
// SamplePassword the password of each of its users.
const (
	SampleBase     = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	SamplePassword = "Str0ng-Passw0rd!"
)

//go:embed seed.ldif
var seed []byte

// Config says what a Directory holds and how it treats its clients. The zero
// value is the embedded sample organisation without StartTLS, limits or delay.
type Config struct {
	LDIF        io.Reader     // entries to serve, the embedded sample when nil
	TLS         *tls.Config   // offers StartTLS on the plain listener when set
	SizeLimit   int           // most entries that one search returns, 0 for no limit
	IdleTimeout time.Duration // closes a connection that is silent for this long, 0 for never
	Latency     time.Duration // delay before each answer
}

// Directory is a running LDAP server. Its methods may be used concurrently.
type Directory struct {
	cfg     Config
	tree    *tree
	backend *backend

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	wg       sync.WaitGroup // accept loops and sessions
	mu       sync.Mutex
	closed   bool
	plain    net.Listener
	secure   net.Listener
	sessions map[*session]struct{}
}

// New loads the entries and starts the part of the server that no client sees.
// Close must be called even when Listen never is.
func New(cfg Config) (*Directory, error) {
	if cfg.LDIF == nil {
		cfg.LDIF = bytes.NewReader(seed)
	}
	t, err := loadTree(cfg.LDIF)
	if err != nil {
		return nil, fmt.Errorf("loading the directory: %w", err)
	}
	d := &Directory{cfg: cfg, tree: t, sessions: make(map[*session]struct{})}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.backend, err = startBackend(d)
	if err != nil {
		d.cancel()
		return nil, fmt.Errorf("starting gldap: %w", err)
	}
	return d, nil
}

// Listen serves LDAP on addr, with StartTLS when Config.TLS is set. Port 0
// takes a free port, see Addr.
func (d *Directory) Listen(addr string) error {
	return d.listen(addr, nil, &d.plain)
}

// ListenTLS serves LDAPS on addr.
func (d *Directory) ListenTLS(addr string, cfg *tls.Config) error {
	if cfg == nil {
		return errors.New("listening for ldaps: no TLS configuration")
	}
	return d.listen(addr, cfg, &d.secure)
}

func (d *Directory) listen(addr string, cfg *tls.Config, slot *net.Listener) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("listening on %s: %w", addr, net.ErrClosed)
	}
	if *slot != nil {
		return fmt.Errorf("listening on %s: already listening on %s", addr, (*slot).Addr())
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", addr, err)
	}
	*slot = l
	d.wg.Add(1)
	go d.accept(l, cfg)
	return nil
}

// Addr returns the address of the LDAP listener, empty before Listen.
func (d *Directory) Addr() string { return d.addrOf(&d.plain) }

// TLSAddr returns the address of the LDAPS listener, empty before ListenTLS.
func (d *Directory) TLSAddr() string { return d.addrOf(&d.secure) }

func (d *Directory) addrOf(slot *net.Listener) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *slot == nil {
		return ""
	}
	return (*slot).Addr().String()
}

// accept serves clients of l until l is closed. An accept error that is not
// the closing (too many open files, for one) must not end the server.
func (d *Directory) accept(l net.Listener, cfg *tls.Config) {
	defer d.wg.Done()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(d.ctx, 50*time.Millisecond)
			continue
		}
		s := newSession(d, conn, cfg)
		if !d.register(s) {
			conn.Close()
			return
		}
		go func() {
			defer d.wg.Done()
			defer d.forget(s)
			s.serve()
		}()
	}
}

func (d *Directory) register(s *session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.sessions[s] = struct{}{}
	d.wg.Add(1)
	return true
}

func (d *Directory) forget(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, s)
}

// CloseClientConnections cuts every client without a word and keeps listening.
func (d *Directory) CloseClientConnections() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.sessions {
		s.cut()
	}
}

// Close cuts the clients, closes the listeners and returns when every
// goroutine of the server has ended. Further calls do nothing.
func (d *Directory) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.cancel()
	for _, l := range []net.Listener{d.plain, d.secure} {
		if l != nil {
			l.Close()
		}
	}
	d.mu.Unlock()

	d.CloseClientConnections()
	d.wg.Wait()
	// Sessions take their gldap connections with them, so Stop cannot hang.
	return d.backend.stop()
}

// sleep waits for d and reports whether ctx was still alive at the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
