package directory

import (
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

// oidTicket marks the control that the relay puts on every request for gldap.
// Its value names the operation, so that a handler finds the session, the
// identity and the undigested request that belong to it. gldap itself tells a
// handler only a connection number. A request without a ticket has not come
// through the relay and is refused.
const oidTicket = "1.3.6.1.4.1.55555.99.1"

// backend is the gldap server on its private loopback port.
type backend struct {
	dir    *Directory
	server *gldap.Server
	addr   string
	ran    chan error // result of Run

	mu      sync.Mutex
	tickets map[string]*operation
}

func startBackend(d *Directory) (*backend, error) {
	b := &backend{dir: d, ran: make(chan error, 1), tickets: make(map[string]*operation)}
	if d.cfg.TLS != nil {
		if err := d.tree.offerStartTLS(); err != nil {
			return nil, fmt.Errorf("offering StartTLS: %w", err)
		}
	}
	mux, err := b.routes()
	if err != nil {
		return nil, err
	}
	log := &addressLogger{Logger: hclog.NewNullLogger(), listening: make(chan net.Addr, 1)}
	if b.server, err = gldap.NewServer(gldap.WithLogger(log)); err != nil {
		return nil, fmt.Errorf("making the server: %w", err)
	}
	if err := b.server.Router(mux); err != nil {
		return nil, fmt.Errorf("setting the routes: %w", err)
	}
	go func() { b.ran <- b.server.Run("127.0.0.1:0") }()
	select {
	case addr := <-log.listening:
		b.addr = addr.String()
		return b, nil
	case err := <-b.ran:
		return nil, fmt.Errorf("running the server: %w", err)
	}
}

func (b *backend) routes() (*gldap.Mux, error) {
	mux, err := gldap.NewMux()
	if err != nil {
		return nil, fmt.Errorf("making the routes: %w", err)
	}
	if err := mux.Bind(b.handler(serveBind)); err != nil {
		return nil, fmt.Errorf("routing bind: %w", err)
	}
	if err := mux.Search(b.handler(serveSearch)); err != nil {
		return nil, fmt.Errorf("routing search: %w", err)
	}
	return mux, nil
}

// stop ends gldap. Every session must have ended, or it would hang.
func (b *backend) stop() error {
	if err := b.server.Stop(); err != nil {
		return fmt.Errorf("stopping gldap: %w", err)
	}
	if err := <-b.ran; err != nil {
		return fmt.Errorf("running gldap: %w", err)
	}
	return nil
}

// issue makes the ticket of an operation, redeem gives the operation back,
// once, and revoke makes a ticket worthless that may not have been redeemed.
func (b *backend) issue(op *operation) string {
	ticket := rand.Text()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tickets[ticket] = op
	return ticket
}

func (b *backend) revoke(ticket string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tickets, ticket)
}

func (b *backend) redeem(controls []gldap.Control) *operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range controls {
		if c, ok := c.(*gldap.ControlString); ok && c.ControlType == oidTicket {
			op := b.tickets[c.ControlValue]
			delete(b.tickets, c.ControlValue)
			return op
		}
	}
	return nil
}

// handler wraps the work on an operation: it finds the operation, delays it,
// and keeps a panic from ending the process, which gldap does not.
func (b *backend) handler(serve func(*operation, *gldap.ResponseWriter, *gldap.Request)) gldap.HandlerFunc {
	return func(w *gldap.ResponseWriter, r *gldap.Request) {
		op := b.redeem(requestControls(r))
		if op == nil {
			w.Write(r.NewResponse(gldap.WithResponseCode(unwillingToPerform)))
			return
		}
		defer func() {
			if v := recover(); v != nil {
				w.Write(failure(op, r, fmt.Sprintf("internal error: %v", v)))
			}
		}()
		if sleep(op.ctx, b.dir.cfg.Latency) {
			serve(op, w, r)
		}
	}
}

func requestControls(r *gldap.Request) []gldap.Control {
	if m, err := r.GetSimpleBindMessage(); err == nil {
		return m.Controls
	}
	if m, err := r.GetSearchMessage(); err == nil {
		return m.Controls
	}
	return nil
}

func failure(op *operation, r *gldap.Request, text string) gldap.Response {
	if op.msg.op.Tag == opBind {
		resp := r.NewBindResponse(gldap.WithResponseCode(other))
		resp.SetDiagnosticMessage(text)
		return resp
	}
	resp := r.NewSearchDoneResponse(gldap.WithResponseCode(other))
	resp.SetDiagnosticMessage(text)
	return resp
}

// dial connects a session to gldap.
func (b *backend) dial() (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", b.addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("dialling gldap: %w", err)
	}
	return conn.(*net.TCPConn), nil
}

// addressLogger learns the port that gldap has taken. Run listens itself and
// tells the address to nobody but its log; choosing a free port for it would be
// a race with every other process.
type addressLogger struct {
	hclog.Logger
	listening chan net.Addr
}

// Info implements hclog.Logger.
func (l *addressLogger) Info(msg string, args ...any) {
	if msg != "listening" {
		return
	}
	for _, arg := range args {
		if addr, ok := arg.(net.Addr); ok {
			select {
			case l.listening <- addr:
			default:
			}
		}
	}
}
