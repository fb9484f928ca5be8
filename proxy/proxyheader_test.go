package proxy_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/proxy"
)

// loopback is where the load balancers of these tests are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func behindBalancer(change ...func(*setup)) func(*setup) {
	return func(s *setup) {
		s.listen.ProxyFrom = loopback
		for _, f := range change {
			f(s)
		}
	}
}

// header is what a load balancer says of a client at address.
func header(t testing.TB, version byte, address string) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)),
		net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if version == 2 {
		if err := h.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_NOOP, Value: make([]byte, 600)}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// from dials as a load balancer that speaks for a client at address.
func (r *rig) from(address string) *client {
	r.Helper()
	c := r.dial()
	c.send(header(r, 1, address))
	return c
}

func TestClientAddressOfPROXYHeader(t *testing.T) {
	const local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	for name, c := range map[string]struct {
		header []byte
		want   string // "": the peer's own
	}{
		"version 1":               {header(t, 1, "203.0.113.7:4711"), "203.0.113.7:4711"},
		"version 1, IPv6":         {header(t, 1, "[2001:db8::7]:4711"), "[2001:db8::7]:4711"},
		"version 2":               {header(t, 2, "203.0.113.7:4711"), "203.0.113.7:4711"},
		"version 2, IPv6":         {header(t, 2, "[2001:db8::7]:4711"), "[2001:db8::7]:4711"},
		"an IPv4 address in IPv6": {[]byte("PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 389\r\n"), "203.0.113.7:4711"},
		"UNKNOWN":                 {[]byte("PROXY UNKNOWN\r\n"), ""},
		"UNKNOWN with text":       {[]byte("PROXY UNKNOWN 1.2.3.4 5.6.7.8 9 10\r\n"), ""},
		"LOCAL":                   {[]byte(local), ""},
		"LOCAL with an address":   {[]byte(local[:13] + "\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x09\x00\x0a"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, behindBalancer())
			together, apart := r.dial(), r.dial()
			together.send(c.header, bindRequest(1, jamfDN, password))
			together.result(1, ldap.Success)
			apart.send(c.header)
			apart.bind(1, jamfDN, password, ldap.Success)
			for i, conn := range []*client{together, apart} {
				want := c.want
				if want == "" {
					want = conn.LocalAddr().String()
				}
				if got := r.record(lookup.OpBind, i+1).ClientAddr; got != want {
					t.Errorf("client %s, want %s", got, want)
				}
			}
			if n := len(together.search(2, userFilter("x"), ldap.Success)); n != 1 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

// A listed peer without a valid header costs one connection, which is told why.
func TestListedPeerWithoutPROXYHeader(t *testing.T) {
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	for name, c := range map[string]struct{ sent, log string }{
		"LDAP":                   {string(bindRequest(1, jamfDN, password)), "sent no PROXY header"},
		"TLS":                    {"\x16\x03\x01\x00\x05hello", "sent no PROXY header"},
		"another protocol":       {"GET / HTTP/1.1\r\n\r\n", "sent no PROXY header"},
		"half a signature":       {signature[:6] + "........", "sent no PROXY header"},
		"no address":             {"PROXY TCP4\r\n", "not valid"},
		"an address that is not": {"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "not valid"},
		"a line without end":     {"PROXY TCP4 " + strings.Repeat("1", 200), "not valid"},
		"a header too long":      {signature + "\x21\x11\xff\xff" + strings.Repeat("x", 64), "not valid"},
		"a header too short":     {signature + "\x21\x11\x00\x02xx", "not valid"},
		"another version":        {signature + "\x31\x11\x00\x0c123456789012", "not valid"},
		"no family":              {signature + "\x21\x00\x00\x00", "not valid"},
		"UDP":                    {signature + "\x21\x12\x00\x0c123456789012", "not one of TCP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, behindBalancer())
			odd := r.dial()
			odd.send([]byte(c.sent))
			if res := odd.notice(ldap.ProtocolError); !strings.Contains(res.Diagnostic, "listeners.proxy_protocol") {
				t.Errorf("diagnostic %q", res.Diagnostic)
			}
			r.eventually("count", func() bool { return r.counts.get("connection "+proxy.ConnectionProxyHeader) == 1 })
			lines := r.logs.FilterMessageSnippet("listeners.proxy_protocol.from").FilterMessageSnippet(c.log)
			if lines.Len() != 1 {
				t.Errorf("log: %v", r.logs.All())
			}
			r.from("203.0.113.7:4711").bind(1, jamfDN, password, ldap.Success)
		})
	}
}

// Anybody else may not say who he is, and is told nothing but that this is no LDAP.
func TestPROXYHeaderOfUnlistedPeer(t *testing.T) {
	for name, listed := range map[string][]netip.Prefix{"nobody listed": nil, "others listed": {netip.MustParsePrefix("10.0.0.0/8")}} {
		for version, text := range map[string][]byte{"version 1": header(t, 1, "203.0.113.7:4711"), "version 2": header(t, 2, "203.0.113.7:4711")} {
			t.Run(name+", "+version, func(t *testing.T) {
				r := start(t, func(s *setup) { s.listen.ProxyFrom = listed })
				c := r.dial()
				c.send(text, bindRequest(1, jamfDN, password))
				c.notice(ldap.ProtocolError)
				r.eventually("log line", func() bool { return r.logs.FilterMessageSnippet("looks like a PROXY header").Len() == 1 })
				if r.up.count(ldap.OpBindRequest) != 0 {
					t.Error("the bind behind it went upstream")
				}
				r.bound()
			})
		}
	}
}

// A check that connects and closes is no client, and nothing to write home about.
func TestConnectAndCloseBehindBalancer(t *testing.T) {
	r := start(t, behindBalancer())
	for range 3 {
		_ = r.dial().Close()
	}
	r.from("203.0.113.7:4711").bind(1, jamfDN, password, ldap.Success)
	if err := r.shutdown(patience); err != nil {
		t.Error(err)
	}
	if n := r.counts.get("connection " + proxy.ConnectionProxyHeader); n != 0 || r.logs.FilterMessageSnippet("refused").Len() != 0 {
		t.Errorf("%d counted; log %v", n, r.logs.All())
	}
}

func TestHalfPROXYHeaderEnds(t *testing.T) {
	r := start(t, behindBalancer(func(s *setup) { s.config.Limits.ProxyHeader = 50 * time.Millisecond }))
	for _, half := range []string{"", "\r\n\r\n", string(header(t, 2, "203.0.113.7:4711")[:20])} {
		c := r.dial()
		c.send([]byte(half))
		c.notice(ldap.ProtocolError)
	}
	r.eventually("count", func() bool { return r.counts.get("connection "+proxy.ConnectionProxyHeader) == 3 })
	if r.logs.FilterMessageSnippet("limits.proxy_header").Len() == 0 {
		t.Error("the log does not name the limit")
	}
}

// Half headers, however many, keep nobody out, and no client makes room for one.
func TestHalfPROXYHeadersMakeRoom(t *testing.T) {
	r := start(t, behindBalancer(func(s *setup) {
		s.config.Limits.Connections, s.config.Limits.ProxyHeader = 4, time.Minute
	}))
	first := r.from("203.0.113.1:1")
	first.bind(1, jamfDN, password, ldap.Success)
	halves := make([]*client, 20)
	for i := range halves {
		halves[i] = r.dial()
		halves[i].send([]byte("\r\n\r\n"))
	}
	for i := range 3 {
		r.from("203.0.113.2:1").bind(int32(i+1), jamfDN, password, ldap.Success)
	}
	for _, half := range halves {
		half.closed()
	}
	r.eventually("counts", func() bool { return r.counts.get("connection "+proxy.ConnectionLimit) == len(halves) })
	if r.logs.FilterMessageSnippet("limits.connections").Len() == 0 {
		t.Error("not logged")
	}
	first.search(2, userFilter("x"), ldap.Success)
	r.dial().notice(ldap.Busy) // all four are clients now
}

// Everything that goes by the address goes by that of the header.
func TestLimitsBehindBalancer(t *testing.T) {
	t.Run("allow", func(t *testing.T) {
		r := start(t, behindBalancer(func(s *setup) { s.listen.Allow = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }))
		r.from("198.51.100.1:1").closed()
		r.from("203.0.113.7:4711").bind(1, jamfDN, password, ldap.Success)
		r.eventually("count", func() bool { return r.counts.get("connection "+proxy.ConnectionNotAllowed) == 1 })
	})
	t.Run("connections_per_address", func(t *testing.T) {
		r := start(t, behindBalancer(func(s *setup) { s.config.Limits.PerAddress = 1 }))
		r.from("203.0.113.1:1").bind(1, jamfDN, password, ldap.Success)
		r.from("203.0.113.2:1").bind(1, jamfDN, password, ldap.Success)
		if res := r.from("203.0.113.1:2").notice(ldap.Busy); !strings.Contains(res.Diagnostic, "connections_per_address") {
			t.Errorf("diagnostic %q", res.Diagnostic)
		}
	})
	t.Run("failed_binds", func(t *testing.T) {
		r := start(t, behindBalancer(func(s *setup) { s.config.Limits.FailedBinds = 1 }))
		guesser, owner := r.from("203.0.113.1:1"), r.from("203.0.113.2:1")
		guesser.bind(1, jamfDN, "wrong", ldap.InvalidCredentials)
		guesser.bind(2, jamfDN, password, ldap.Busy)
		owner.bind(1, jamfDN, password, ldap.Success)
	})
}

func TestTLSBehindPROXYHeader(t *testing.T) {
	r := start(t, behindBalancer(func(s *setup) {
		s.listen.Implicit, s.listen.TLS = true, &tls.Config{Certificates: []tls.Certificate{newCertificate(t, "one").pair}}
	}))
	c := r.from("203.0.113.7:4711")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true}) // the proxy's side is under test
	c = &client{T: t, Conn: secure, framer: ldap.NewFramer(secure)}
	c.bind(1, jamfDN, password, ldap.Success)
	if got := r.record(lookup.OpBind, 1).ClientAddr; got != "203.0.113.7:4711" {
		t.Errorf("client %s", got)
	}
	odd := r.dial() // no header: no notice either, it could not be read
	odd.send([]byte("\x16\x03\x01\x00\x05hello"))
	odd.closed()
}

func TestShutdownWhileHeadersAreAwaited(t *testing.T) {
	r := start(t, behindBalancer(func(s *setup) { s.config.Limits.ProxyHeader = time.Hour }))
	half := r.dial()
	half.send([]byte("\r\n\r\n"))
	client := r.from("203.0.113.7:4711")
	client.bind(1, jamfDN, password, ldap.Success)
	if err := r.shutdown(patience); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	half.closed()
}

// A panicking reader of the header costs its connection.
func TestPanicWhileHeaderIsRead(t *testing.T) {
	first := true
	r := start(t, behindBalancer(func(s *setup) {
		s.wrap = func(l net.Listener) net.Listener {
			return &wrapped{l, func(c net.Conn) net.Conn {
				if !first {
					return c
				}
				first = false
				return faulty{c}
			}}
		}
	}))
	r.dial().closed()
	r.from("203.0.113.7:4711").bind(1, jamfDN, password, ldap.Success)
	if r.counts.get("panic") != 1 {
		t.Error("not counted")
	}
}

type wrapped struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l *wrapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		c = l.wrap(c)
	}
	return c, err
}

type faulty struct{ net.Conn }

func (faulty) Read([]byte) (int, error) { panic("a bug") }

// scripted is a connection of which everything has arrived, in pieces.
type scripted struct {
	net.Conn
	in    *bytes.Reader
	piece int
}

func (s *scripted) Read(p []byte) (int, error) {
	return s.in.Read(p[:min(len(p), max(1, s.piece))])
}

// FuzzProxyHeader: an address comes from a valid header only, and is the one that
// stands there; what is behind the header is not touched; nothing is read far
// ahead.
func FuzzProxyHeader(f *testing.F) {
	for _, address := range []string{"203.0.113.7:4711", "[2001:db8::7]:65535"} {
		f.Add(append(header(f, 1, address), "behind"...), 4096)
		f.Add(append(header(f, 2, address), bytes.Repeat([]byte("behind"), 100)...), 100)
	}
	f.Add([]byte("PROXY UNKNOWN\r\n0"), 1)
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 09 10\r\n"), 200)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x11\xff\xff"), 7)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8"), 7)
	f.Add([]byte("0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00"), 4096)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		conn := &scripted{in: bytes.NewReader(in), piece: piece % 8192}
		client, rest, err := proxy.ReadProxyHeader(conn)
		if taken := len(in) - conn.in.Len(); taken > 16+4096+256 {
			t.Fatalf("%d octets were read", taken)
		}
		if err != nil {
			if client.IsValid() || rest != nil {
				t.Fatalf("%v with %v: %v", client, rest, err)
			}
			return
		}
		behind, err := io.ReadAll(rest)
		if err != nil && !errors.Is(err, io.EOF) || !bytes.HasSuffix(in, behind) {
			t.Fatalf("%q behind the header of %q: %v", behind, in, err)
		}
		if said := in[:len(in)-len(behind)]; client != saidBy(said) {
			t.Fatalf("%v from %q", client, said)
		}
	})
}

// saidBy reads the client's address out of a header that is valid, in another
// way than the proxy does; zero without one.
func saidBy(header []byte) (said netip.AddrPort) {
	if line, ok := strings.CutPrefix(string(header), "PROXY "); ok {
		word := strings.Split(strings.TrimSuffix(line, "\r\n"), " ")
		if word[0] == "TCP4" || word[0] == "TCP6" {
			said = netip.AddrPortFrom(netip.MustParseAddr(word[1]).Unmap(), netip.MustParseAddrPort("[::]:"+word[3]).Port())
		}
		return said
	}
	port := func(at int) uint16 { return uint16(header[at])<<8 | uint16(header[at+1]) }
	switch command, family := header[12], header[13]; {
	case command == 0x21 && family == 0x11:
		said = netip.AddrPortFrom(netip.AddrFrom4([4]byte(header[16:20])), port(24))
	case command == 0x21 && family == 0x21:
		said = netip.AddrPortFrom(netip.AddrFrom16([16]byte(header[16:32])).Unmap(), port(48))
	}
	return said
}
