package proxy

import (
	"net/netip"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// ListenerConfig is one item of `listeners`: an address that Jamf connects to.
type ListenerConfig struct {
	Address  string         `yaml:"address"`  // host:port
	Protocol string         `yaml:"protocol"` // ldap (default; StartTLS offered when tls is set) or ldaps
	TLS      ServerTLS      `yaml:"tls"`
	Allow    []netip.Prefix `yaml:"allow"` // client addresses accepted; empty: all
}

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
	PartialPDU     time.Duration `yaml:"partial_pdu"` // from a message's first byte to its last
	Idle           time.Duration `yaml:"idle"`
	WriteStall     time.Duration `yaml:"write_stall"`
	Drain          time.Duration `yaml:"drain"`
	FailedBinds    int           `yaml:"failed_binds"`     // in a row for one (address, DN) before back-off
	FailedBindWait time.Duration `yaml:"failed_bind_wait"` // first back-off; doubles up to 16 times
}

// DefaultLimits returns the limits used where the file names none.
func DefaultLimits() Limits {
	return Limits{
		PDUBeforeBind: 256 * bytesize.KiB, PDUAfterBind: bytesize.MiB,
		Nesting: 64, FilterTerms: 4096, Controls: 32, Attributes: 1000,
		Connections: 2000, PerAddress: 500, InFlight: 64, Cursors: 16,
		TLSHandshake: 10 * time.Second, PartialPDU: 30 * time.Second,
		Idle: 15 * time.Minute, WriteStall: 30 * time.Second, Drain: 30 * time.Second,
		FailedBinds: 5, FailedBindWait: 2 * time.Second,
	}
}
