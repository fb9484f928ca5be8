package web

import (
	"net/http"
	"time"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

// Health is what the proxy is made of and how it does. The field names are those
// of the JSON.
type Health struct {
	Version     string              `json:"version"`
	Started     time.Time           `json:"started"`
	Config      string              `json:"config"` // file, "" without one
	Warnings    []string            `json:"warnings"`
	Reload      Reload              `json:"reload"`
	Clients     int                 `json:"clients"`   // connected now
	Lookups     uint64              `json:"lookups"`   // since the start
	HeldBack    int                 `json:"held_back"` // address and DN pairs that have to wait before they may bind
	Listeners   []Listener          `json:"listeners"`
	Upstream    []Upstream          `json:"upstream"`
	Connections Connections         `json:"connections"`
	Cache       Cache               `json:"cache"`
	Sinks       []lookup.LaneStatus `json:"sinks"`
	Watching    int                 `json:"watching"` // pages that show new lookups
	Journal     *journal.Status     `json:"journal,omitempty"`
}

// Reload is how the latest reload of the configuration went; the start counts as
// one.
type Reload struct {
	At           time.Time `json:"at"`
	Mistakes     []string  `json:"mistakes"`      // without any it took effect
	NeedsRestart []string  `json:"needs_restart"` // keys that changed in the file only
}

// Listener is an address that clients connect to.
type Listener struct {
	Address     string    `json:"address"`
	Protocol    string    `json:"protocol"` // ldap, ldap with StartTLS, ldaps
	CertExpires time.Time `json:"certificate_expires,omitzero"`
}

// Upstream is a server of upstream.servers.
type Upstream struct {
	Server      string    `json:"server"`
	State       string    `json:"state"` // unknown, up, suspect or down
	Error       string    `json:"error,omitempty"`
	CertExpires time.Time `json:"certificate_expires,omitzero"`
	Leased      int       `json:"leased"`
	Idle        int       `json:"idle"`
	Spare       int       `json:"spare"`
	Dialing     int       `json:"dialing"`
}

// Connections are those to all servers together.
type Connections struct {
	Open int `json:"open"`
	Max  int `json:"max"`
}

// Cache is what it holds.
type Cache struct {
	Enabled   bool   `json:"enabled"`
	Entries   int    `json:"entries"`
	Bytes     int64  `json:"bytes"`
	MaxBytes  int64  `json:"max_bytes"`
	Evictions uint64 `json:"evictions"`
}

type healthPage struct {
	page
	Health
	Uptime string
	Ready  string // "" when it is, else why not
	now    time.Time
}

func (s *Server) showState(w http.ResponseWriter, _ *http.Request) {
	p := healthPage{page: s.page("Health", "/health"), Health: s.health(), now: s.Now()}
	p.Uptime = ago(p.now, p.Started)
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			p.Ready = err.Error()
		}
	}
	s.render(w, http.StatusOK, "health", &p)
}

// health has lists, never null.
func (s *Server) health() Health {
	var h Health
	if s.Health != nil {
		h = s.Health()
	}
	h.Reload.Mistakes, h.Reload.NeedsRestart = list(h.Reload.Mistakes), list(h.Reload.NeedsRestart)
	h.Warnings, h.Listeners, h.Upstream, h.Sinks = list(h.Warnings), list(h.Listeners), list(h.Upstream), list(h.Sinks)
	return h
}

// daysLeft is how long a certificate is good for, and whether that is worth a
// look.
type daysLeft struct {
	Days  int
	Until string
	Mark  string // ok, warn or fail
}

// soonExpired is when the alerts begin too.
const (
	soonExpired     = 14
	verySoonExpired = 3
)

// Days is of a certificate that ends then.
func (p *healthPage) Days(end time.Time) daysLeft { return daysUntil(p.now, end) }

func daysUntil(now, end time.Time) daysLeft {
	if end.IsZero() {
		return daysLeft{}
	}
	d := daysLeft{Days: int(end.Sub(now).Hours() / 24), Until: end.Local().Format("2 January 2006, 15:04 MST"), Mark: "ok"}
	switch {
	case !now.Before(end), d.Days < verySoonExpired:
		d.Mark = "fail"
	case d.Days < soonExpired:
		d.Mark = "warn"
	}
	return d
}
