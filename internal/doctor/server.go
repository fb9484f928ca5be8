package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// server is one of upstream.servers.
type server struct {
	o         *Options
	url       string
	host      string
	target    certs.Target
	encrypted bool // over TLS from the start, or by StartTLS
	roots     certs.Roots
	chain     *certs.Chain // what it presented, once that is known
	verdict   certs.Verdict
}

var serverChecks = []check[*server]{
	{"resolve", "Name", nil, (*server).resolve},
	{"tcp", "Connection", []string{"resolve"}, (*server).tcp},
	{"starttls", "StartTLS", []string{"tcp"}, (*server).starttls},
	{"tls", "TLS", []string{"tcp", "starttls"}, (*server).tls},
	{"tls-chain", "Certificate: signed by", []string{"tls"}, (*server).tlsChain},
	{"tls-name", "Certificate: name", []string{"tls"}, (*server).tlsName},
	{"tls-expiry", "Certificate: time", []string{"tls"}, (*server).tlsExpiry},
}

// connected is what a password needs before it is sent.
var connected = []string{"resolve", "tcp", "starttls", "tls", "tls-chain", "tls-name", "tls-expiry"}

// servers checks the connection to each server and returns the first that works,
// nil if none does.
func (r *runner) servers(ctx context.Context) *server {
	var (
		working *server
		blamed  map[string]string // of the first
	)
	for i, url := range r.o.Config.Upstream.Servers {
		r.blamed = map[string]string{}
		s, err := newServer(r.o, url)
		if err != nil { // the loader refuses such a configuration
			r.one(ctx, "server "+url, "resolve", "Name", nil, func() *Finding { return fail(err.Error()) })
		} else if runAll(ctx, r, "server "+url, serverChecks, s) && working == nil {
			working = s
		}
		if i == 0 {
			blamed = r.blamed
		}
	}
	if working == nil {
		r.blamed = blamed
	} else {
		r.blamed = map[string]string{}
	}
	return working
}

func newServer(o *Options, url string) (*server, error) {
	u := &o.Config.Upstream
	target, err := certs.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	roots, err := certs.LoadRoots(u.TLS.CA)
	if err != nil {
		return nil, err
	}
	s := &server{o: o, url: url, host: target.Name, target: target, roots: roots}
	s.encrypted = !target.StartTLS || u.StartTLS
	s.target.StartTLS = target.StartTLS && u.StartTLS
	s.target.Name = cmp.Or(u.TLS.ServerName, target.Name)
	return s, nil
}

// connectLimit bounds what comes before the bind, as the proxy bounds it.
func (s *server) connectLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	return limited(ctx, s.o.Config.Upstream.ConnectTimeout, "upstream.connect_timeout")
}

func (s *server) resolve(ctx context.Context) *Finding {
	if _, err := netip.ParseAddr(s.host); err == nil {
		return nil
	}
	ctx, cancel := s.connectLimit(ctx)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, s.host)
	var unknown *net.DNSError
	switch {
	case err == nil:
		return ok("%s", strings.Join(addresses, ", "))
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return fail("there is no address for "+s.host,
			"check the spelling in upstream.servers; JumpCloud's server is "+jumpCloudURL,
			"if it is right, ask the name server of this machine: nslookup "+s.host)
	}
	return fail(s.failure(ctx, err), "see which name server this machine asks, and whether it answers: nslookup "+s.host)
}

func (s *server) tcp(ctx context.Context) *Finding {
	ctx, cancel := s.connectLimit(ctx)
	defer cancel()
	start := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.target.Address)
	if err == nil {
		defer conn.Close()
		return ok("%s answers in %s", conn.RemoteAddr(), shortly(time.Since(start)))
	}
	saw := s.failure(ctx, err)
	_, port, _ := net.SplitHostPort(s.target.Address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(saw, fmt.Sprintf("check the port in upstream.servers: nothing listens on %s there; LDAPS has 636, LDAP with StartTLS 389", port))
	case ctx.Err() != nil:
		return fail(saw, fmt.Sprintf("have the firewall let this machine reach %s, TCP port %s", s.host, port),
			"if the server is that slow, raise upstream.connect_timeout, and \"Connection Timeout\" in "+jamfServer)
	}
	return fail(saw, fmt.Sprintf("see that this machine reaches %s, TCP port %s", s.host, port))
}

// failure is an error of the network in words. Where the time was over, the limit
// is the better word, and Go's dialer may have noticed before the context did.
func (s *server) failure(ctx context.Context, err error) string {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx).Error()
	}
	return err.Error()
}

// starttls is about ldap:// only, where encryption is not a matter of course.
func (s *server) starttls(ctx context.Context) *Finding {
	switch {
	case !s.encrypted && s.isLocal():
		return ok("not used; plain text stays on this machine")
	case !s.encrypted:
		return warn("not used: the passwords of all users cross the network readable",
			"ldaps://"+s.host+" in upstream.servers, or upstream.starttls: true")
	case !s.target.StartTLS:
		return nil
	}
	ctx, cancel := s.connectLimit(ctx)
	defer cancel()
	c, err := dial(ctx, s.target.Address, nil)
	if err != nil {
		return fail(s.failure(ctx, err))
	}
	defer c.close()
	err = c.do(ctx, c.askStartTLS)
	if err == nil {
		return ok("the server is willing")
	}
	if answer, refused := answerOf(err); refused {
		return fail("the server refuses: "+answer.String(),
			fmt.Sprintf("ldaps://%s in upstream.servers, without upstream.starttls, if the server has a port for LDAPS", s.host))
	}
	return fail(s.failure(ctx, err),
		fmt.Sprintf("ldaps://%s in upstream.servers, without upstream.starttls: this port may speak TLS from the first byte", s.target.Address),
		"check the port: what answers there may be no LDAP server")
}

func (s *server) isLocal() bool {
	ip, err := netip.ParseAddr(s.host)
	return strings.EqualFold(s.host, "localhost") || err == nil && ip.IsLoopback()
}

// tlsConfig verifies as the checks do, nil where nothing is encrypted.
func (s *server) tlsConfig() *tls.Config {
	if !s.encrypted {
		return nil
	}
	return &tls.Config{
		ServerName: s.target.Name,
		MinVersion: minVersion(s.o.Config.Upstream.TLS.MinVersion),
		// Verified below, by the very judge whose verdict was shown.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			chain := certs.Chain{Target: s.target, Certificates: state.PeerCertificates}
			for _, p := range chain.Judge(s.roots, s.o.Now()).Problems {
				return errors.New(p.Why)
			}
			return nil
		},
	}
}

// dial opens a connection as the proxy does.
func (s *server) dial(ctx context.Context) (*client, error) {
	ctx, cancel := s.connectLimit(ctx)
	defer cancel()
	if !s.target.StartTLS {
		return dial(ctx, s.target.Address, s.tlsConfig())
	}
	c, err := dial(ctx, s.target.Address, nil)
	if err != nil {
		return nil, err
	}
	if err := c.do(ctx, func() error { return c.ldap.StartTLS(s.tlsConfig()) }); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// shortly writes a time for reading.
func shortly(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
