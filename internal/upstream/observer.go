package upstream

import "time"

// Observer receives what the metrics show. Its methods are called from many
// goroutines and must not block; none is called with a lock held.
type Observer interface {
	// UpstreamConnection changes the number of connections to server that are
	// in a state: dialing, spare, leased or idle. One that is being closed counts in
	// its last state until the socket is gone, so that the sum is what the
	// server sees.
	UpstreamConnection(server, state string, delta int)
	// UpstreamUp tells the outcome of each dial, those of the keeper included.
	UpstreamUp(server string, up bool)
	// UpstreamTLSExpiry tells when the certificate presented at a dial ends.
	UpstreamTLSExpiry(server string, notAfter time.Time)
}

const (
	stateDialing = "dialing"
	stateSpare   = "spare"
	stateLeased  = "leased"
	stateIdle    = "idle"
)

// observer spares its users the question whether there is an Observer.
type observer struct{ to Observer }

func (o observer) connection(s *server, state string, delta int) {
	if o.to != nil {
		o.to.UpstreamConnection(s.name, state, delta)
	}
}

func (o observer) up(s *server, up bool) {
	if o.to != nil {
		o.to.UpstreamUp(s.name, up)
	}
}

func (o observer) tlsExpiry(s *server, notAfter time.Time) {
	if o.to != nil {
		o.to.UpstreamTLSExpiry(s.name, notAfter)
	}
}
