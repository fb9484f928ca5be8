package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

func TestStreamOfRows(t *testing.T) {
	ring := ringOf(membership(1))
	f := start(t, web.Options{Ring: ring, Now: clock})
	r := f.watch("/stream")
	ring.Write(membership(2))
	ring.Write(changed(plain(3), func(r *lookup.Record) { r.Op = lookup.OpUnbind })) // asks nothing
	ring.Write(plain(4))
	var rows []*node
	var last string
	for len(rows) < 2 {
		e := r.next()
		if e.name != "lookups" {
			t.Fatalf("event %+v", e)
		}
		rows, last = append(parse(t, e.data).tags("tr"), rows...), e.id
	}
	if last != "4" {
		t.Errorf("the last event has the id %q", last)
	}
	rows[0].says(t, "User", "arya.stark", "1 entry")
	rows[1].says(t, "Membership", "gameOfThrones member=jon.snow", "translated", "username-where-dn")
	if page := f.page("/", http.StatusOK); page.id(rows[1].attrs["id"]) == nil {
		t.Error("a row of the stream has another id than that of the list, so that the script shows it twice")
	}
}

func TestStreamOfJSON(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring, Now: clock})
	r := f.watch("/api/stream?q=kind:membership")
	ring.Write(plain(1))
	ring.Write(membership(2))
	e := r.next()
	if strings.Contains(e.data, "\n") {
		t.Error("JSON in more than one line")
	}
	if diff := cmp.Diff([]*lookup.Record{membership(2)}, r.records(e)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStreamRefusesAWrongFilter(t *testing.T) {
	f := start(t, web.Options{Ring: lookup.NewRing(nil)})
	const why = `"nobody" is none of user`
	if answer, body := f.get("/stream?q=kind:nobody"); answer.StatusCode != http.StatusBadRequest || !strings.Contains(body, why) {
		t.Errorf("%s %s", answer.Status, body)
	}
	answer, body := f.get("/api/stream?q=kind:nobody")
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(body, `{"error":"kind: \"nobody\"`) {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// A HEAD of a stream must not take its place: net/http eats what is written to it,
// so that no write would ever end it.
func TestHeadOfAStreamWatchesNothing(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring})
	answer, _ := f.do(f.request("HEAD", "/stream", ""))
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Error(answer.Status, got)
	}
	await(t, "nobody watches", func() bool { return ring.Watchers() == 0 })
}

func TestStreamCatchesUp(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		header []string
		want   []uint64
	}{
		"after":                            {"/api/stream?after=6", nil, []uint64{7, 8, 9}},
		"the event that came last":         {"/api/stream?after=2", []string{"Last-Event-ID", "8"}, []uint64{9}},
		"nothing is missing":               {"/api/stream?after=9", nil, nil},
		"from now on":                      {"/api/stream", nil, nil},
		"no number":                        {"/api/stream?after=x", nil, nil},
		"all":                              {"/api/stream?after=0", nil, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"only what is selected":            {"/api/stream?after=0&q=slow:1s", nil, nil},
		"numbers of a process before this": {"/api/stream?after=500", nil, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			ring := lookup.NewRing(nil)
			for id := uint64(1); id <= 9; id++ {
				ring.Write(plain(id))
			}
			r := start(t, web.Options{Ring: ring, Now: clock}).watch(tt.path, tt.header...)
			ring.Write(changed(plain(10), func(r *lookup.Record) { r.Total = time.Minute }))
			if diff := cmp.Diff(append(tt.want, 10), r.until(len(tt.want)+1)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Lookups keep coming while a reader catches up. Each arrives once.
func TestStreamCatchesUpWithoutDoublesOrGaps(t *testing.T) {
	const all = 500
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring, Now: clock})
	done := make(chan struct{})
	var read atomic.Int64
	go func() {
		defer close(done)
		for id := 1; id <= all; id++ {
			ring.Write(plain(uint64(id)))
			for int64(id) > read.Load()+100 { // no more than travels at once
				time.Sleep(time.Millisecond)
			}
		}
	}()
	var got []uint64
	for last := "0"; len(got) < all; { // connects again and again
		r := f.watch("/api/stream", "Last-Event-ID", last)
		for range 2 {
			e := r.next()
			for _, rec := range r.records(e) {
				got = append(got, rec.ID)
			}
			read.Store(int64(len(got)))
			if last = e.id; len(got) >= all {
				break
			}
		}
		r.end()
	}
	<-done
	for i, id := range got {
		if id != uint64(i+1) {
			t.Fatalf("lookup %d arrives in place %d", id, i+1)
		}
	}
}

// What comes between the beginning of a watch and the look at what was missed is in
// both.
func TestStreamBeginsWithoutDoubles(t *testing.T) {
	const rounds, each = 30, 50
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring, Now: clock})
	for round := range rounds {
		first := uint64(round*each + 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for id := first; id < first+each; id++ {
				ring.Write(plain(id))
				time.Sleep(time.Microsecond)
			}
		}()
		r := f.watch("/api/stream?after=" + strconv.FormatUint(first-1, 10))
		for i, id := range r.until(each) {
			if want := first + uint64(i); id != want {
				t.Fatalf("lookup %d arrives in place of %d", id, want)
			}
		}
		r.end()
		<-done
	}
}

// Lookups that run side by side end in another order than they began in. A reader
// that has seen both must not get one of them again.
func TestStreamEventHasTheHighestNumber(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring, Now: clock})
	r := f.watch("/api/stream")
	ring.Write(plain(9))
	ring.Write(plain(5))
	var last string
	for n := 0; n < 2; {
		e := r.next()
		n, last = n+len(r.records(e)), e.id
	}
	if last != "9" {
		t.Errorf("the last event has the id %s", last)
	}
}

func TestStreamTellsWhatItLeavesOutOfALongAbsence(t *testing.T) {
	ring := lookup.NewRing(nil)
	for id := uint64(1); id <= 1000; id++ {
		ring.Write(plain(id))
	}
	r := start(t, web.Options{Ring: ring, Now: clock}).watch("/api/stream?after=100")
	if e := r.next(); e.name != "missed" || e.data != "700" {
		t.Errorf("first comes %+v", e)
	}
	if got := r.until(200); got[0] != 801 || got[199] != 1000 {
		t.Errorf("it got %d to %d", got[0], got[199])
	}
}

// stuckSetup is a server whose clients hold little of what they do not read, with
// lookups of 10 kB each.
func stuckSetup(t *testing.T, stuck time.Duration) (*fixture, *lookup.Ring, func(id uint64)) {
	ring := lookup.NewRing(nil)
	f := startOn(t, smallBuffers{listen(t)}, web.Options{Ring: ring, Now: clock}, func(s *web.Server) { s.SetStream(time.Hour, stuck) })
	f.client.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetReadBuffer(4096)
		}
		return conn, err
	}}
	long := strings.Repeat("x", 10_000)
	return f, ring, func(id uint64) {
		ring.Write(changed(plain(id), func(r *lookup.Record) { r.Diagnostic = long }))
	}
}

func TestReaderThatDoesNotReadIsCutOff(t *testing.T) {
	f, ring, write := stuckSetup(t, 50*time.Millisecond)
	f.watch("/api/stream")
	for id := uint64(1); id <= 3000; id++ {
		write(id) // returns at once, or the test takes for ever
	}
	await(t, "the watcher is gone", func() bool { return ring.Watchers() == 0 })
}

func TestShutdownDoesNotWaitForAReaderThatDoesNotRead(t *testing.T) {
	f, ring, write := stuckSetup(t, time.Hour)
	r := f.watch("/api/stream")
	for id := uint64(1); id <= 3000; id++ {
		write(id)
	}
	if _, err := r.body.Peek(1); err != nil { // the first of many that do not fit
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if n := ring.Watchers(); n != 0 {
		t.Errorf("%d watchers after Shutdown", n)
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring})
	r := f.watch("/stream")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if rest, err := io.ReadAll(r.body); err != nil || len(rest) > 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
}

// What a reader is too slow for is counted, and the reader is told.
func TestStreamTellsWhatWasMissed(t *testing.T) {
	const all = 5 * web.StreamBuffer
	ring := lookup.NewRing(nil)
	r := start(t, web.Options{Ring: ring, Now: clock}).watch("/api/stream")
	for id := uint64(1); id <= all; id++ {
		ring.Write(plain(id))
	}
	got, missed := 0, 0
	for got+missed < all {
		e := r.next()
		if e.name != "missed" {
			got += len(r.records(e))
			continue
		}
		n, err := strconv.Atoi(e.data)
		if err != nil {
			t.Fatal(err)
		}
		missed += n
	}
	if got+missed != all || missed == 0 {
		t.Errorf("%d arrived and %d are said to be missing, of %d", got, missed, all)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := start(t, web.Options{Ring: ring})
	var readers []*reader
	for range web.MaxStreams {
		readers = append(readers, f.watch("/stream"))
	}
	answer, body := f.get("/stream")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || body != "too many pages watch already; close one\n" {
		t.Errorf("one more: %s %s", answer.Status, body)
	}
	if answer, body := f.get("/api/stream"); answer.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(body, `{"error":"too many`) {
		t.Errorf("one more: %s %s", answer.Status, body)
	}
	readers[0].end()
	await(t, "one is gone", func() bool { return ring.Watchers() < web.MaxStreams })
	await(t, "there is room", func() bool {
		answer, err := f.client.Do(f.request("GET", "/stream", ""))
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
}

// A proxy in between ends a connection on which nothing comes. Lookups that the
// filter keeps from the reader are nothing, too.
func TestStreamGivesSignsOfLife(t *testing.T) {
	ring := lookup.NewRing(nil)
	f := startOn(t, listen(t), web.Options{Ring: ring, Now: clock}, func(s *web.Server) { s.SetStream(10*time.Millisecond, time.Minute) })
	quiet, busy := f.watch("/stream"), f.watch("/stream?q=slow:1h")
	if e := quiet.any(); e.comment != "still watching" {
		t.Errorf("%+v", e)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for id := uint64(1); ; id++ {
			select {
			case <-stop:
				return
			default:
				ring.Write(plain(id))
				time.Sleep(time.Millisecond)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 3 {
		if e := busy.any(); e.comment != "still watching" {
			t.Errorf("%+v", e)
		}
	}
}

// Whatever stands in a lookup, one event stays one, and its HTML is made of rows.
func TestStreamKeepsItsForm(t *testing.T) {
	for _, text := range []string{"\n", "\r", "\r\n", "\n\n", "\r\r", "\n\ndata: x", "\revent: missed\r\rdata: 7", "</tr></table>", "<script>", "\u2028\u2029\u0085", "\x00\x1b[2J", "\xff\xfe", "-->", "]]>", "{{.}}"} {
		ring := lookup.NewRing(nil)
		f := start(t, web.Options{Ring: ring, Now: clock})
		rec := changed(membership(1), func(r *lookup.Record) {
			r.BindDN, r.Base, r.Filter, r.Diagnostic, r.ResultName = text, text, "(cn=a"+text+"b)", text, "x"+text
			r.Attrs, r.Hints, r.Cache, r.Result = []string{text}, []string{"x" + text, text}, text, 80
		})
		rows, list := f.watch("/stream"), f.watch("/api/stream")
		ring.Write(rec)
		ring.Write(plain(2))
		var found []string
		for len(found) < 2 {
			e := rows.next()
			if e.name != "lookups" {
				t.Fatalf("%q: event %+v", text, e)
			}
			if strings.ContainsAny(text, "\x00\x1b") || !utf8.ValidString(text) {
				found = append(found, strings.Split(e.data, "<tr ")[1:]...)
				continue // what XML does not take
			}
			page := parse(t, e.data)
			for _, kid := range page.kids {
				if kid != nil && kid.tag != "tr" {
					t.Errorf("%q: the rows have a <%s> among them", text, kid.tag)
				}
			}
			for _, row := range page.tags("tr") {
				if n := len(row.tags("td")); n != 6 {
					t.Errorf("%q: a row of %d cells", text, n)
				}
				found = append(found, row.attrs["id"])
			}
		}
		var got []*lookup.Record
		for len(got) < 2 {
			got = append(got, list.records(list.next())...)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); got[0].ID != 1 || got[1].ID != 2 || !slices.Equal(got[0].Attrs, []string{want}) && text != "\xff\xfe" {
			t.Errorf("%q arrives as %q", text, got[0].Attrs)
		}
	}
}
