package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

// pageLength is how many lookups a page shows at first. The script adds those
// that come, up to a bound of its own.
const pageLength = 200

// lookupsPage is the list, live or of the journal.
type lookupsPage struct {
	page
	Query   string
	Wrong   string // why Query cannot be understood
	Chips   []chip
	Rows    []row
	Last    uint64 // number of the latest lookup that the list had a chance to show
	Live    bool
	Any     bool   // there are lookups, though perhaps none that Query selects
	Source  string // "" for the latest, "journal"
	Older   string // address of the next page of the journal, "" at its end
	Journal bool   // there is one
	Failed  string // why the journal does not answer
}

// chip is a query that one click puts in place.
type chip struct {
	Label, Query, Href string
	On                 bool
}

var chips = []chip{
	{Label: "Questions"},
	{Label: "Failed", Query: "result:failed"},
	{Label: "Nothing found", Query: "result:empty"},
	{Label: "With a hint", Query: "hint:any"},
	{Label: "Slow", Query: "slow:1s"},
	{Label: "Logins", Query: "op:bind"},
	{Label: "Users", Query: "kind:user"},
	{Label: "Groups", Query: "kind:group"},
	{Label: "Memberships", Query: "kind:membership"},
	{Label: "Everything", Query: "op:any"},
}

// query reads what somebody typed. Without an operation, those that ask nothing
// are left out of the lists for people.
func (s *Server) query(text string) (lookup.Query, error) {
	q, err := s.parseQuery(text)
	if q.Op == "" {
		q.Op = lookup.QuestionOps
	}
	return q, err
}

// Bounds of a query: each of its words is looked for in every lookup.
const (
	maxQuery = 2000 // bytes
	maxWords = 20
)

func (s *Server) parseQuery(text string) (lookup.Query, error) {
	if len(text) > maxQuery {
		return lookup.Query{}, fmt.Errorf("the filter is longer than %d bytes", maxQuery)
	}
	q, err := lookup.ParseQuery(text, s.Now())
	if n := len(strings.Fields(q.Text)); n > maxWords {
		return lookup.Query{}, fmt.Errorf("the filter has %d words, and %d are the most that it may have", n, maxWords)
	}
	return q, err
}

func (s *Server) showLookups(w http.ResponseWriter, r *http.Request) {
	p := lookupsPage{page: s.page("Lookups", "/"), Query: r.FormValue("q"), Journal: s.Past != nil}
	source := ""
	if s.Past != nil && r.FormValue("source") == journalSource {
		source = journalSource
	}
	for _, c := range chips {
		c.Href, c.On = listAddress(c.Query, source), c.Query == p.Query
		p.Chips = append(p.Chips, c)
	}
	q, err := s.query(p.Query)
	switch {
	case err != nil:
		p.Wrong, p.Any = err.Error(), s.Ring != nil && s.Ring.Len() > 0
	case source != "":
		s.fillFromJournal(&p, q, r)
	default:
		s.fillFromRing(&p, q)
	}
	status := http.StatusOK
	if p.Wrong != "" {
		status = http.StatusBadRequest
	}
	s.render(w, status, "lookups", &p)
}

// journalSource has a list come from the journal in place of the latest lookups.
const journalSource = "journal"

// showRows is the list alone, for the script: the answer to typing.
func (s *Server) showRows(w http.ResponseWriter, r *http.Request) {
	p := lookupsPage{page: s.page("Lookups", "/"), Query: r.FormValue("q")}
	q, err := s.query(p.Query)
	if err != nil {
		showText(w, http.StatusBadRequest, err.Error())
		return
	}
	s.fillFromRing(&p, q)
	w.Header().Set("Last-Lookup", strconv.FormatUint(p.Last, 10))
	s.render(w, http.StatusOK, "rows", p.Rows)
}

func (s *Server) fillFromRing(p *lookupsPage, q lookup.Query) {
	if s.Ring == nil {
		return
	}
	p.Live = true
	if latest := s.Ring.Select(lookup.Query{}, 1); len(latest) > 0 {
		p.Last, p.Any = latest[0].ID, true
	}
	p.Rows = s.rows(s.Ring.Select(q, pageLength))
}

func (s *Server) fillFromJournal(p *lookupsPage, q lookup.Query, r *http.Request) {
	p.Source, p.Any = journalSource, true
	ctx, cancel := context.WithTimeout(r.Context(), longestSearch)
	defer cancel()
	before, _ := strconv.ParseInt(r.FormValue("before"), 10, 64) // what is no number is the beginning
	entries, err := s.Past.Select(ctx, q, pageLength, before)
	if err != nil {
		p.Failed = err.Error()
		return
	}
	for i := range entries {
		p.Rows = append(p.Rows, s.pastRow(&entries[i]))
	}
	if len(entries) == pageLength {
		p.Older = listAddress(p.Query, journalSource) + "&before=" + strconv.FormatInt(entries[pageLength-1].Row, 10)
	}
}

func (s *Server) pastRow(e *journal.Entry) row {
	at := strconv.FormatInt(e.Row, 10)
	return s.rowAt(e.Record, "/journal/"+at, "row-"+at)
}

// Past is where lookups are kept; *journal.Reader is one.
type Past interface {
	// Select returns lookups that the query selects, the newest first, at most
	// limit of them, before the row given (0: from the newest on).
	Select(ctx context.Context, q lookup.Query, limit int, before int64) ([]journal.Entry, error)
	// Find returns the lookup of a row, or nil when there is none.
	Find(ctx context.Context, row int64) (*lookup.Record, error)
}

// longestSearch bounds a search in the journal, which looks at every row when no
// index helps.
const longestSearch = 15 * time.Second
