package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Bounds of the streams of new lookups (server-sent events, as in the HTML
// standard). A reader that does not read is cut off; lookups never wait for it.
const (
	maxStreams    = 32
	streamBuffer  = 1024                   // records that wait for one reader
	streamGather  = 100 * time.Millisecond // records that come within it travel together
	streamAtOnce  = 200
	streamSilence = 15 * time.Second // between signs of life
	streamStuck   = 10 * time.Second // a reader that takes longer for one write is gone
	streamLife    = time.Hour        // then the reader connects again, and says again who it is
)

// streamRows sends new lookups as rows of the list: events "lookups", and "missed"
// with a number when the reader was too slow for some.
func (s *Server) streamRows(w http.ResponseWriter, r *http.Request) {
	q, err := s.query(r.FormValue("q"))
	if err != nil {
		showText(w, http.StatusBadRequest, err.Error())
		return
	}
	s.stream(w, r, q, showText, func(records []*lookup.Record) ([]byte, error) {
		slices.Reverse(records) // the newest row stands on top
		var html bytes.Buffer
		err := templates.ExecuteTemplate(&html, "rows", s.rows(records))
		return html.Bytes(), err
	})
}

// apiStream sends them as JSON: events "lookups" with a list, the oldest first.
func (s *Server) apiStream(w http.ResponseWriter, r *http.Request) {
	q, err := s.parseQuery(r.FormValue("q"))
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.stream(w, r, q, s.refuse, func(records []*lookup.Record) ([]byte, error) { return json.Marshal(records) })
}

// stream sends what the query selects from now on; with after, or the
// Last-Event-ID of a reader that comes back, what it has missed first.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, q lookup.Query,
	refuse func(http.ResponseWriter, int, string), encode func([]*lookup.Record) ([]byte, error)) {
	if s.Ring == nil {
		refuse(w, http.StatusNotFound, "no lookups are kept here")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a reverse proxy is not to wait for the end
	if r.Method == http.MethodHead {          // an answer without a body has no end to wait for
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "too many pages watch already; close one")
		return
	}
	watcher := s.Ring.Watch(streamBuffer)
	defer watcher.Close()
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	out := newEvents(w, s.stuck, encode)
	defer out.endWith(ctx)()
	out.comment("watching")
	if after, err := strconv.ParseUint(lastSeen(r), 10, 64); err == nil {
		records, missed := s.since(q, after)
		out.missed(missed)
		out.catchUp(records)
	}
	s.follow(ctx, q, watcher, out)
}

// follow sends what the watcher gets, until ctx ends or the reader is gone.
func (s *Server) follow(ctx context.Context, q lookup.Query, watcher *lookup.Watcher, out *events) {
	silence := time.NewTicker(s.silence)
	defer silence.Stop()
	for out.err == nil {
		select {
		case rec := <-watcher.Records():
			sent := out.send(gather(ctx, q, watcher, rec))
			if out.missed(watcher.Missed()) || sent {
				silence.Reset(s.silence)
			}
		case <-silence.C:
			out.comment("still watching")
		case <-ctx.Done():
			return
		}
	}
}

// gather collects what comes within a moment behind the first record.
func gather(ctx context.Context, q lookup.Query, watcher *lookup.Watcher, first *lookup.Record) []*lookup.Record {
	var records []*lookup.Record
	add := func(rec *lookup.Record) {
		if q.Match(rec) {
			records = append(records, rec)
		}
	}
	add(first)
	moment := time.NewTimer(streamGather)
	defer moment.Stop()
	for len(records) < streamAtOnce {
		select {
		case rec := <-watcher.Records():
			add(rec)
		case <-moment.C:
			return records
		case <-ctx.Done():
			return records
		}
	}
	return records
}

// since returns what the ring has behind a lookup, the oldest first, and how many
// there are beyond those that travel at once. Numbers begin anew with the process:
// a reader that is ahead of the ring has seen another one, and gets them all.
func (s *Server) since(q lookup.Query, after uint64) (records []*lookup.Record, missed int) {
	records = s.Ring.Select(lookup.Query{}, maxAPILength)
	if len(records) > 0 && records[0].ID < after {
		after = 0
	}
	records = slices.DeleteFunc(records, func(rec *lookup.Record) bool { return rec.ID <= after || !q.Match(rec) })
	if missed = max(len(records)-streamAtOnce, 0); missed > 0 {
		records = records[:streamAtOnce]
	}
	slices.Reverse(records)
	return records, missed
}

func lastSeen(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.FormValue("after")
}
