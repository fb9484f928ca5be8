package upstream

import "time"

// ServerStatus is what is known of a server at a moment.
type ServerStatus struct {
	Server string // scheme://host:port
	// State is unknown (not dialed yet), up, suspect (it left something
	// unanswered a moment ago) or down (the last dial failed).
	State       string
	Error       string    // why it is down
	TLSExpiry   time.Time // of the certificate it presented last; zero without TLS
	Leased      int       // connections at work for a lookup
	Idle, Spare int
	Dialing     int
}

var stateNames = map[serverState]string{unknown: "unknown", up: "up", suspect: "suspect", down: "down"}

// Status returns the servers in the order of the configuration, and how many
// connections there are of how many.
func (p *Pool) Status() (servers []ServerStatus, open, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	live, idle := make(map[*server]int), make(map[*server]int)
	for l := range p.live {
		live[l.server]++
	}
	for e := p.idle.byAge.Front(); e != nil; e = e.Next() {
		idle[e.Value.(*link).server]++
	}
	for _, s := range p.servers {
		st := ServerStatus{
			Server: s.name, State: stateNames[s.state], TLSExpiry: s.tlsEnd,
			Idle: idle[s], Spare: len(s.spares), Dialing: s.dialing,
		}
		st.Leased = max(live[s]-st.Idle-st.Spare, 0)
		if s.state == down {
			st.Error = s.lastError
		}
		servers = append(servers, st)
	}
	return servers, p.open, p.cfg.MaxConnections
}
