package web

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"

	"jamf-ldap-proxy/internal/lookup"
)

//go:embed static
var assets embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

// templates escape whatever they show, by where it stands: html/template.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"clip":  func(s string) string { return lookup.Clip(s, maxShown) },
	"share": share,
	"bytes": bytesWord,
}).ParseFS(templateFiles, "templates/*.html"))

// page is what the frame of every page needs.
type page struct {
	Title string
	Tabs  []tab
	Site  Site
}

type tab struct {
	Label, Href string
	On          bool
}

func (s *Server) page(title, at string) page {
	p := page{Title: title, Site: *s.site()}
	for _, t := range []tab{
		{Label: "Lookups", Href: "/"}, {Label: "Shapes", Href: "/shapes"}, {Label: "Groups", Href: "/groups"},
		{Label: "Health", Href: "/health"}, {Label: "Explain", Href: "/explain"}, {Label: "Try", Href: "/try"},
	} {
		t.On = t.Href == at
		if t.Href != "/try" || s.Try != nil {
			p.Tabs = append(p.Tabs, t)
		}
	}
	return p
}

// render makes the whole page before it sends any of it, so that a fault in the
// middle is not half a page.
func (s *Server) render(w http.ResponseWriter, status int, name string, data any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		s.fault(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.Copy(w, &out)
}

// messagePage says one thing.
type messagePage struct {
	page
	Message string
}

// missing is a page, or for the script, which asked for a part of one, the message.
func (s *Server) missing(w http.ResponseWriter, r *http.Request, message string) {
	if r.FormValue("part") != "" {
		showText(w, http.StatusNotFound, message)
		return
	}
	s.render(w, http.StatusNotFound, "message", &messagePage{s.page("Not found", ""), message})
}

func (s *Server) fault(w http.ResponseWriter, err error) {
	s.report(err)
	showText(w, http.StatusInternalServerError, "this page could not be made: "+lookup.Clip(err.Error(), maxReason))
}
