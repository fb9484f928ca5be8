package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// events writes server-sent events to one reader; the first error ends it.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stuck   time.Duration // how long one write may take
	encode  func([]*lookup.Record) ([]byte, error)
	caught  map[uint64]bool // what the reader got while it caught up may come again from its watcher
	last    uint64          // highest number that was sent
	err     error

	mu    sync.Mutex // guards the write deadline
	ended bool
}

func newEvents(w http.ResponseWriter, stuck time.Duration, encode func([]*lookup.Record) ([]byte, error)) *events {
	e := &events{w: w, control: http.NewResponseController(w), stuck: stuck, encode: encode}
	// The deadlines of the server are for requests that end.
	e.err = e.control.SetReadDeadline(time.Time{})
	return e
}

// lastWord is how long a write that is under way may still take at the end. It is
// less than a proxy that stops waits for its page.
const lastWord = time.Second

// endWith lets nothing more be written when ctx ends, so that a reader that does
// not read holds nobody up. The function that it returns must be called before the
// handler returns.
func (e *events) endWith(ctx context.Context) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.ended = true
		_ = e.control.SetWriteDeadline(time.Now().Add(lastWord))
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// catchUp sends what was missed before the watcher began.
func (e *events) catchUp(records []*lookup.Record) {
	e.caught = make(map[uint64]bool, len(records))
	for _, rec := range records {
		e.caught[rec.ID] = true
	}
	e.write(records)
}

// send sends new lookups, and reports whether there were any.
func (e *events) send(records []*lookup.Record) bool {
	records = slices.DeleteFunc(records, func(rec *lookup.Record) bool { return e.caught[rec.ID] })
	e.write(records)
	return len(records) > 0
}

func (e *events) write(records []*lookup.Record) {
	if len(records) == 0 {
		return
	}
	for _, rec := range records {
		e.last = max(e.last, rec.ID) // lookups that ran side by side end in any order
	}
	body, err := e.encode(records)
	if err != nil {
		e.err = err
		return
	}
	e.put("event: lookups\nid: %d\ndata: %s\n\n", e.last, lineEnds.Replace(string(bytes.TrimSpace(body))))
}

// lineEnds begins a new line of data where the reader would see the end of one: at
// any of the three that the HTML standard knows.
var lineEnds = strings.NewReplacer("\r\n", "\ndata: ", "\n", "\ndata: ", "\r", "\ndata: ")

// missed tells how many lookups were left out, and reports whether there were any.
func (e *events) missed(n int) bool {
	if n > 0 {
		e.put("event: missed\ndata: %d\n\n", n)
	}
	return n > 0
}

func (e *events) comment(text string) { e.put(": %s\n\n", text) }

func (e *events) put(format string, args ...any) {
	if e.err == nil {
		e.err = e.setDeadline()
	}
	if e.err != nil {
		return
	}
	if _, e.err = fmt.Fprintf(e.w, format, args...); e.err == nil {
		e.err = e.control.Flush()
	}
}

func (e *events) setDeadline() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return http.ErrServerClosed
	}
	return e.control.SetWriteDeadline(time.Now().Add(e.stuck))
}
