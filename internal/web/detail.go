package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// detailPage is one lookup with everything that is known of it.
type detailPage struct {
	page
	Row       row
	Record    *lookup.Record
	Client    string
	Who       string
	Meaning   string
	Hints     []named
	Rules     []named
	Parts     []part
	Changed   bool // what went upstream differs from what came
	Asked     bool // upstream was asked
	Timing    []segment
	Total     string
	Command   string
	Explain   string // addresses
	JSON      string
	SameConn  string
	SameShape string
	Bytes     string
	When      string
}

// named is a hint or rule with what it means.
type named struct{ Name, Text string }

// part is one part of the request, as it came and as it went upstream.
type part struct {
	Label string
	Lines []diffLine
}

// Changed tells whether the two differ.
func (p part) Changed() bool {
	return slices.ContainsFunc(p.Lines, func(l diffLine) bool { return l.Old != l.New })
}

// segment of the time bar.
type segment struct {
	Class, Label, Took string
	X, Width           int // of barWidth
}

const barWidth = 1000

func (s *Server) showLookup(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || s.Ring == nil {
		s.missing(w, r, "There is no such lookup.")
		return
	}
	rec := s.Ring.Find(id)
	if rec == nil {
		s.missing(w, r, "This lookup is not among the latest any more. The journal keeps them longer, if there is one.")
		return
	}
	s.showDetail(w, r, s.detail(rec, s.row(rec), "/api/lookups/"+r.PathValue("id")))
}

func (s *Server) showPast(w http.ResponseWriter, r *http.Request) {
	at, err := strconv.ParseInt(r.PathValue("row"), 10, 64)
	if err != nil || s.Past == nil {
		s.missing(w, r, "There is no such lookup.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestSearch)
	defer cancel()
	rec, err := s.Past.Find(ctx, at)
	switch {
	case err != nil:
		s.fault(w, err)
	case rec == nil:
		s.missing(w, r, "This lookup is not in the journal any more: journal.keep or journal.max_bytes has passed.")
	default:
		s.showDetail(w, r, s.detail(rec, s.rowAt(rec, "/journal/"+r.PathValue("row"), "row-"+r.PathValue("row")),
			"/api/journal?row="+r.PathValue("row")))
	}
}

// showDetail shows the page, or for the script the part that goes into a drawer.
func (s *Server) showDetail(w http.ResponseWriter, r *http.Request, d *detailPage) {
	name := "lookup"
	if r.FormValue("part") == "drawer" {
		name = "detail"
	}
	s.render(w, http.StatusOK, name, d)
}

func (s *Server) detail(r *lookup.Record, short row, api string) *detailPage {
	d := &detailPage{
		page: s.page(short.Kind+" "+short.Subject, "/"), Row: short, Record: r, Client: clientWords[r.ClientKind], Who: r.BindDN,
		Meaning: meaningOf(r), Asked: !r.Upstream.IsZero(), Total: duration(r.Total), Timing: timing(r),
		Command: s.commandOf(r), JSON: api, Bytes: bytesWord(r.Bytes),
		SameConn: listAddress("conn:"+strconv.FormatUint(r.Conn, 10), ""),
		When:     r.Time.Local().Format("Monday, 2 January 2006, 15:04:05.000 MST"),
	}
	d.SameShape = listAddress(lookup.Query{Shape: r.Shape()}.String(), "")
	if s.Rules != nil && !s.site().Hashed && (r.Op == lookup.OpSearch || r.Op == lookup.OpCompare) {
		d.Explain = explainAddress(r)
	}
	for _, hint := range r.Hints {
		name := lookup.HintName(hint)
		text := rewrite.HintText[name]
		if own, found := strings.CutPrefix(hint, name+": "); found {
			text = strings.TrimSpace(shown(own) + " " + text)
		}
		d.Hints = append(d.Hints, named{lookup.Clip(name, maxSubject), text})
	}
	for _, rule := range r.Rules {
		d.Rules = append(d.Rules, named{rule, rewrite.RuleText[rule]})
	}
	d.Parts = parts(r)
	d.Changed = d.Asked && slices.ContainsFunc(d.Parts, part.Changed)
	return d
}

// parts puts what came beside what went upstream. When nothing did, both are the
// same.
func parts(r *lookup.Record) []part {
	if r.Op != lookup.OpSearch && r.Op != lookup.OpCompare {
		return nil
	}
	base, filter, attrs := r.Upstream.Base, r.Upstream.Filter, r.Upstream.Attrs
	if r.Upstream.IsZero() || filter == "" && base == "" {
		base, filter, attrs = r.Base, r.Filter, r.Attrs
	}
	list := []part{{"Base", diff([]string{shown(r.Base)}, []string{shown(base)})}}
	label := "Filter"
	if r.Op == lookup.OpCompare {
		label = "Assertion"
	}
	list = append(list, part{label, diff(filterLines(r.Filter), filterLines(filter))})
	if r.Op == lookup.OpSearch {
		list = append(list, part{"Attributes", diff(attrLines(r.Attrs), attrLines(attrs))})
	}
	return list
}

func shown(s string) string {
	if s == "" {
		return "(empty)"
	}
	return lookup.Clip(s, maxShown)
}

func attrLines(attrs []string) []string {
	if len(attrs) == 0 {
		return []string{"(all)"}
	}
	lines := make([]string, len(attrs))
	for i, a := range attrs {
		lines[i] = lookup.Clip(a, maxShown)
	}
	return lines
}

// timing is where the time went: waiting for a connection, upstream, and the
// rest, which is the proxy and a client that reads.
func timing(r *lookup.Record) []segment {
	rest := max(r.Total-r.Queue-r.Upstream.Duration, 0)
	whole := max(r.Queue+r.Upstream.Duration+rest, 1)
	var (
		bar   []segment
		until time.Duration
		x     int
	)
	for _, t := range []struct {
		class, label string
		took         time.Duration
	}{
		{"queue", "waiting for a connection", r.Queue},
		{"upstream", "directory", r.Upstream.Duration},
		{"proxy", "proxy and client", rest},
	} {
		until += t.took
		end := int(float64(until) / float64(whole) * barWidth)
		bar = append(bar, segment{t.class, t.label, duration(t.took), x, end - x})
		x = end
	}
	return bar
}

// maxAddress is what every browser and this server take as an address.
const maxAddress = 8 << 10

// explainAddress is "" when the request is too long for an address, or has in it
// what a field of the form would change.
func explainAddress(r *lookup.Record) string {
	v := url.Values{"filter": {r.Filter}, "base": {r.Base}}
	if r.Op == lookup.OpCompare {
		v.Set("op", "compare")
	} else {
		v.Set("scope", r.Scope)
		v.Set("attrs", strings.Join(r.Attrs, " "))
	}
	address := "/explain?" + v.Encode()
	if len(address) > maxAddress || !isPrintable(r.Base) || !isPrintable(v.Get("attrs")) {
		return ""
	}
	return address
}

// listAddress is the list with a query.
func listAddress(query, source string) string {
	v := url.Values{}
	if query != "" {
		v.Set("q", query)
	}
	if source != "" {
		v.Set("source", source)
	}
	if len(v) == 0 {
		return "/"
	}
	return fmt.Sprintf("/?%s", v.Encode())
}
