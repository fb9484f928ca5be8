package web

import (
	"fmt"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Bounds of texts in a row, in bytes.
const (
	maxSubject = 120
	maxShown   = 2048
)

// row is a lookup in a list.
type row struct {
	Href    string // of its details
	ID      string // of the element, other than that of any other lookup
	ISO     string
	Time    string // of the day
	Day     string // "" today
	Kind    string
	Subject string
	Answer  string
	Outcome lookup.Outcome
	Took    string
	Slow    bool
	Bridged bool
	Cache   string // "" when upstream was asked
	Hints   []string
}

// slow is from how long on a lookup stands out.
const slow = time.Second

// row is one of the latest lookups. Their numbers begin anew with the process, and
// a page that stays open shows those of both.
func (s *Server) row(r *lookup.Record) row {
	return s.rowAt(r, fmt.Sprintf("/lookups/%d", r.ID), fmt.Sprintf("lookup-%d-%d", r.ID, r.Time.UnixMicro()))
}

func (s *Server) rowAt(r *lookup.Record, href, id string) row {
	out := row{
		Href: href, ID: id,
		ISO: r.Time.UTC().Format(time.RFC3339Nano), Time: r.Time.Local().Format("15:04:05.000"),
		Kind: kindWord(r), Subject: lookup.Clip(r.Subject(), maxSubject), Answer: answerWords(r), Outcome: r.Outcome(),
		Took: duration(r.Total), Slow: r.Total >= slow, Bridged: r.Bridged,
	}
	if day := r.Time.Local().Format(time.DateOnly); day != s.Now().Local().Format(time.DateOnly) {
		out.Day = day
	}
	if r.Cache == lookup.CacheHit || r.Cache == lookup.CacheStale || r.Cache == lookup.CacheCoalesced {
		out.Cache = r.Cache
	}
	for _, hint := range r.Hints {
		out.Hints = append(out.Hints, lookup.HintName(hint))
	}
	return out
}

func (s *Server) rows(records []*lookup.Record) []row {
	out := make([]row, len(records))
	for i, r := range records {
		out[i] = s.row(r)
	}
	return out
}
