package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/lookup"
)

// reader reads server-sent events as the HTML standard says, in which a line ends
// with any of \r\n, \n and \r.
type reader struct {
	t    *testing.T
	body *bufio.Reader
	end  func() error
}

// event is one event, or, when it has only a comment, that.
type event struct{ name, id, data, comment string }

// watch opens a stream and waits until it watches.
func (f *fixture) watch(path string, header ...string) *reader {
	f.t.Helper()
	request := f.request("GET", path, "", header...)
	ctx, cancel := context.WithTimeout(f.t.Context(), 3*patience) // what ends before is the server's doing
	f.t.Cleanup(cancel)
	answer, err := f.client.Do(request.WithContext(ctx))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		f.t.Fatalf("%s: %s, %s", path, answer.Status, got)
	}
	r := &reader{f.t, bufio.NewReader(answer.Body), answer.Body.Close}
	if e := r.any(); e.comment != "watching" {
		f.t.Fatalf("%s begins with %+v", path, e)
	}
	return r
}

// next returns the next event.
func (r *reader) next() event {
	r.t.Helper()
	for {
		if e := r.any(); e.comment == "" {
			return e
		}
	}
}

// any returns the next event or comment.
func (r *reader) any() event {
	r.t.Helper()
	var e event
	var data []string
	for {
		name, value, _ := strings.Cut(r.line(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "" && value != "":
			e.comment = value
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			data = append(data, value)
		case name != "":
			r.t.Fatalf("a line of the stream is %s:%s", name, value)
		default:
			e.data = strings.Join(data, "\n")
			return e
		}
	}
}

func (r *reader) line() string {
	r.t.Helper()
	var line strings.Builder
	for {
		c, err := r.body.ReadByte()
		if err != nil {
			r.t.Fatalf("the stream ended: %v", err)
		}
		switch c {
		case '\r':
			if next, err := r.body.Peek(1); err == nil && next[0] == '\n' {
				_, _ = r.body.Discard(1)
			}
			return line.String()
		case '\n':
			return line.String()
		}
		line.WriteByte(c)
	}
}

// records reads the lookups of a JSON event.
func (r *reader) records(e event) []*lookup.Record {
	r.t.Helper()
	var list []*lookup.Record
	if err := json.Unmarshal([]byte(e.data), &list); e.name != "lookups" || err != nil {
		r.t.Fatalf("%+v holds no lookups: %v", e, err)
	}
	return list
}

// until collects the numbers of JSON events until there are n of them.
func (r *reader) until(n int) []uint64 {
	r.t.Helper()
	var all []uint64
	for len(all) < n {
		for _, rec := range r.records(r.next()) {
			all = append(all, rec.ID)
		}
	}
	return all
}

// smallBuffers accepts connections that hold little of what a client does not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(4096)
	}
	return conn, err
}
