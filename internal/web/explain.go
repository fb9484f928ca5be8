package web

import (
	"errors"
	"net/http"
	"strings"

	"jamf-ldap-proxy/internal/explain"
	"jamf-ldap-proxy/internal/ldap"
)

// explainPage is a form, and what becomes of the request in it.
type explainPage struct {
	page
	Op, Base, Scope, Filter, Attrs string
	Wrong                          string
	Found                          *explain.Explanation
	Parts                          []part
}

func (s *Server) showExplanation(w http.ResponseWriter, r *http.Request) {
	p := explainPage{
		page: s.page("Explain", "/explain"), Op: r.FormValue("op"), Base: r.FormValue("base"), Scope: r.FormValue("scope"),
		Filter: r.FormValue("filter"), Attrs: r.FormValue("attrs"),
	}
	if p.Scope == "" {
		p.Scope = "sub"
	}
	status := http.StatusOK
	if p.Filter != "" {
		found, err := s.explain(r)
		if err != nil {
			p.Wrong, status = err.Error(), http.StatusBadRequest
		} else {
			p.Found, p.Parts = found, explainedParts(found)
		}
	}
	if !r.Form.Has("base") {
		p.Base = s.site().Base
	}
	s.render(w, status, "explain", &p)
}

// Scopes are the choices of the form.
func (*explainPage) Scopes() []string { return []string{"sub", "one", "base", "children"} }

// Guards tell what is refused before the rules are asked: the text for the
// client, or "".
type Guards interface {
	RefusesSearch(*ldap.SearchRequest) string
	RefusesCompare(*ldap.CompareRequest) string
}

// explain asks the rules that serve the lookups.
func (s *Server) explain(r *http.Request) (*explain.Explanation, error) {
	if s.Rules == nil {
		return nil, errors.New("there are no rules here")
	}
	f, err := explain.ParseFilter(r.FormValue("filter"))
	if err != nil {
		return nil, err
	}
	base := r.FormValue("base")
	if r.FormValue("op") == "compare" {
		if f.Kind != ldap.FilterEquality {
			return nil, errors.New("a compare has one assertion, such as memberUid=jon.snow")
		}
		req := &ldap.CompareRequest{DN: base, Attr: f.Attr, Value: f.Value}
		x, err := explain.Compare(s.Rules(), req, nil)
		if err == nil && s.Guards != nil {
			x.Refused = s.Guards().RefusesCompare(req)
		}
		return x, err
	}
	name := r.FormValue("scope")
	if name == "" {
		name = "sub"
	}
	scope, err := explain.ParseScope(name)
	if err != nil {
		return nil, err
	}
	attrs := strings.FieldsFunc(r.FormValue("attrs"), func(c rune) bool { return c == ' ' || c == ',' })
	req := &ldap.SearchRequest{Base: base, Scope: scope, Filter: f, Attributes: attrs}
	x, err := explain.Search(s.Rules(), req, nil)
	if err == nil && s.Guards != nil {
		x.Refused = s.Guards().RefusesSearch(req)
	}
	return x, err
}

func explainedParts(x *explain.Explanation) []part {
	return []part{
		{"Base", diff([]string{shown(x.Request.Base)}, []string{shown(x.Upstream.Base)})},
		{"Filter", diff(filterLines(x.Request.Filter), filterLines(x.Upstream.Filter))},
		{"Attributes", diff(attrLines(x.Request.Attributes), attrLines(x.Upstream.Attributes))},
	}
}
