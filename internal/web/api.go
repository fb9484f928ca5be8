package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

// The JSON behind the pages; docs/api.md describes it. Names may be added, none
// changes its meaning.

const (
	apiLength    = 200  // lookups in an answer, unless limit says otherwise
	maxAPILength = 2500 // as many as the ring holds
)

func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.fault(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// refuse says why a request has no answer.
func (s *Server) refuse(w http.ResponseWriter, status int, why string) {
	s.answer(w, status, map[string]string{"error": why})
}

func (s *Server) apiLookups(w http.ResponseWriter, r *http.Request) {
	q, limit, err := s.selection(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	found := []*lookup.Record{}
	if s.Ring != nil {
		found = append(found, s.Ring.Select(q, limit)...)
	}
	s.answer(w, http.StatusOK, map[string]any{"lookups": found})
}

// selection reads q and limit.
func (s *Server) selection(r *http.Request) (lookup.Query, int, error) {
	q, err := s.parseQuery(r.FormValue("q"))
	limit, numberErr := strconv.Atoi(r.FormValue("limit"))
	if numberErr != nil || limit < 1 {
		limit = apiLength
	}
	return q, min(limit, maxAPILength), err
}

func (s *Server) apiLookup(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	var found *lookup.Record
	if err == nil && s.Ring != nil {
		found = s.Ring.Find(id)
	}
	if found == nil {
		s.refuse(w, http.StatusNotFound, "this lookup is not among the latest")
		return
	}
	s.answer(w, http.StatusOK, found)
}

// apiJournal answers from the journal: row, one lookup; else as apiLookups, from
// before a row on.
func (s *Server) apiJournal(w http.ResponseWriter, r *http.Request) {
	if s.Past == nil {
		s.refuse(w, http.StatusNotFound, "there is no journal: set journal.path")
		return
	}
	q, limit, err := s.selection(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestSearch)
	defer cancel()
	if at, err := strconv.ParseInt(r.FormValue("row"), 10, 64); err == nil {
		s.apiPast(ctx, w, at)
		return
	}
	before, _ := strconv.ParseInt(r.FormValue("before"), 10, 64)
	entries, err := s.Past.Select(ctx, q, limit, before)
	if err != nil {
		s.refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"lookups": append([]journal.Entry{}, entries...)})
}

func (s *Server) apiPast(ctx context.Context, w http.ResponseWriter, at int64) {
	found, err := s.Past.Find(ctx, at)
	switch {
	case err != nil:
		s.refuse(w, http.StatusServiceUnavailable, err.Error())
	case found == nil:
		s.refuse(w, http.StatusNotFound, "this row is not in the journal")
	default:
		s.answer(w, http.StatusOK, found)
	}
}

func (s *Server) apiShapes(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, map[string]any{"shapes": s.shapes()})
}

func (s *Server) apiGroups(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, s.groups())
}

func (s *Server) apiHealth(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, s.health())
}

func (s *Server) apiExplain(w http.ResponseWriter, r *http.Request) {
	x, err := s.explain(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.answer(w, http.StatusOK, x)
}
