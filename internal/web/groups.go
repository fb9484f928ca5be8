package web

import (
	"net/http"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Groups is the pair table with what is known beside it. The field names are
// those of the JSON.
type Groups struct {
	Mode      string      `json:"mode"`
	Discovery Discovery   `json:"discovery"`
	Pairs     []Pair      `json:"pairs"`
	Ambiguous []Ambiguity `json:"ambiguous"`
	NoLinux   []Group     `json:"no_linux_group"`  // groups of the console
	NoLegacy  []Group     `json:"no_legacy_group"` // Linux groups
	Warnings  []string    `json:"warnings"`
	Hashed    bool        `json:"hashed"` // names are hashes: log.privacy
}

// Discovery is how the reading of the groups goes.
type Discovery struct {
	Enabled     bool      `json:"enabled"`
	Outcome     string    `json:"outcome"` // of the last attempt, as in the metrics; "" before
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastAttempt time.Time `json:"last_attempt,omitzero"`
	Error       string    `json:"error,omitempty"`
	Try         string    `json:"try,omitempty"`
}

// Pair is the two entries of one group.
type Pair struct {
	Legacy  string `json:"legacy"`
	Posix   string `json:"posix"`
	GID     int    `json:"gid,omitempty"`
	Members int    `json:"members,omitempty"`
	Why     string `json:"why"`
	Try     string `json:"try,omitempty"`
}

// Lookups is the address of the lookups that are about the group.
func (p Pair) Lookups() string { return listAddress(lookup.Query{Group: p.Legacy}.String(), "") }

// Group is one entry without a pair.
type Group struct {
	Name    string `json:"name"`
	GID     int    `json:"gid,omitempty"`
	Members int    `json:"members,omitempty"`
	Why     string `json:"why,omitempty"`
	Try     string `json:"try,omitempty"`
}

// Ambiguity is groups among which nothing decides.
type Ambiguity struct {
	Legacy []Group `json:"legacy"`
	Posix  []Group `json:"posix"`
	Why    string  `json:"why"`
	Try    string  `json:"try"`
}

type groupsPage struct {
	page
	Groups
	LastSuccess, LastAttempt string
	WithTry                  bool // some pair has something to do about it
}

func (s *Server) showGroups(w http.ResponseWriter, _ *http.Request) {
	p := groupsPage{page: s.page("Groups", "/groups"), Groups: s.groups()}
	p.LastSuccess = ago(s.Now(), p.Discovery.LastSuccess)
	p.LastAttempt = ago(s.Now(), p.Discovery.LastAttempt)
	for _, pair := range p.Pairs {
		p.WithTry = p.WithTry || pair.Try != ""
	}
	s.render(w, http.StatusOK, "groups", &p)
}

// groups has lists, never null.
func (s *Server) groups() Groups {
	var g Groups
	if s.Groups != nil {
		g = s.Groups()
	}
	g.Pairs, g.Ambiguous, g.NoLinux, g.NoLegacy = list(g.Pairs), list(g.Ambiguous), list(g.NoLinux), list(g.NoLegacy)
	g.Warnings = list(g.Warnings)
	return g
}

// list is an empty list in place of none, which JSON would write as null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
