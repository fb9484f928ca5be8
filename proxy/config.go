package proxy

import (
	"net/netip"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// ListenerConfig is one item of `listeners`: an address that Jamf connects to.
type ListenerConfig struct {
	Address       string         `yaml:"address"`  // host:port
	Protocol      string         `yaml:"protocol"` // ldap (default; StartTLS offered when tls is set) or ldaps
	TLS           ListenerTLS    `yaml:"tls"`
	RequireTLS    bool           `yaml:"require_tls"` // no password before StartTLS; TLS.ClientCA implies it
	ProxyProtocol ProxyProtocol  `yaml:"proxy_protocol"`
	Allow         []netip.Prefix `yaml:"allow"` // client addresses accepted; empty: all
}

// ProxyProtocol names the peers that put a PROXY header before the first octet
// of a client: they have to, and nobody else may.
type ProxyProtocol struct {
	From []netip.Prefix `yaml:"from"`
}

// ListenerTLS is ServerTLS, and what a client has to present in turn.
type ListenerTLS struct {
	Certificate string   `yaml:"certificate"`
	Key         string   `yaml:"key"`
	ClientCA    string   `yaml:"client_ca"`    // PEM roots; set: a client needs a certificate of theirs
	ClientNames []string `yaml:"client_names"` // and one of these as its DNS or common name; empty: any
}

// Server returns the part that is presented to clients.
func (t *ListenerTLS) Server() ServerTLS { return ServerTLS{Certificate: t.Certificate, Key: t.Key} }

// ServerTLS names the PEM files a listener presents to its clients.
type ServerTLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Limits is the `limits` section: what one client may cost. Each is enforced
// in this package and each refusal names its key.
type Limits struct {
	PDUBeforeBind  bytesize.Size `yaml:"pdu_before_bind"`
	PDUAfterBind   bytesize.Size `yaml:"pdu_after_bind"`
	Nesting        int           `yaml:"nesting"`      // depth of a filter
	FilterTerms    int           `yaml:"filter_terms"` // nodes of a filter
	Controls       int           `yaml:"controls"`
	Attributes     int           `yaml:"attributes"`
	Connections    int           `yaml:"connections"`
	PerAddress     int           `yaml:"connections_per_address"`
	InFlight       int           `yaml:"in_flight"` // operations of one connection at a time
	Cursors        int           `yaml:"paged_cursors"`
	TLSHandshake   time.Duration `yaml:"tls_handshake"`
	ProxyHeader    time.Duration `yaml:"proxy_header"`
	PartialPDU     time.Duration `yaml:"partial_pdu"` // from a message's first byte to its last
	Idle           time.Duration `yaml:"idle"`
	WriteStall     time.Duration `yaml:"write_stall"`
	Drain          time.Duration `yaml:"drain"`
	DrainDelay     time.Duration `yaml:"drain_delay"`      // before Drain: served as ever, but not ready; may be 0
	FailedBinds    int           `yaml:"failed_binds"`     // in a row for one (address, DN) before back-off
	FailedBindWait time.Duration `yaml:"failed_bind_wait"` // first back-off; doubles up to 16 times
	// DNs whose right password, the one that upstream accepted last, is let
	// through during a back-off.
	FailedBindsExempt []string `yaml:"failed_binds_exempt"`
}

// DefaultLimits returns the limits used where the file names none.
func DefaultLimits() Limits {
	return Limits{
		PDUBeforeBind: 8 * bytesize.KiB, PDUAfterBind: bytesize.MiB,
		Nesting: 64, FilterTerms: 4096, Controls: 32, Attributes: 1000,
		Connections: 2000, PerAddress: 500, InFlight: 64, Cursors: 16,
		TLSHandshake: 10 * time.Second, ProxyHeader: 5 * time.Second, PartialPDU: 30 * time.Second,
		Idle: 15 * time.Minute, WriteStall: 30 * time.Second, Drain: 30 * time.Second,
		FailedBinds: 5, FailedBindWait: 2 * time.Second,
	}
}
