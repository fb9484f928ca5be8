package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// readerConn is a connection of prepared octets.
type readerConn struct {
	net.Conn
	io.Reader
}

func (c readerConn) Read(b []byte) (int, error)  { return c.Reader.Read(b) }
func (c readerConn) Write(b []byte) (int, error) { return len(b), nil }

// The load has to find the end of an answer however it is cut, with entries
// longer than its buffer among it.
func TestClientCountsByFraming(t *testing.T) {
	var wire []byte
	for _, size := range []int{0, 20, 100, 300, 70_000, 200_000, 1} {
		wire = ldap.AppendOperation(wire, 2, ldap.OpSearchResultEntry, make([]byte, size), nil)
	}
	good := ldap.AppendResult(slices.Clone(wire), 2, ldap.OpSearchResultDone, &ldap.Result{}, nil)
	bad := ldap.AppendResult(slices.Clone(wire), 70_000, ldap.OpSearchResultDone, &ldap.Result{Code: ldap.NoSuchObject, Diagnostic: strings.Repeat("x", 300)}, nil)
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "octets": iotest.OneByteReader, "halves": iotest.HalfReader,
	} {
		for text, tc := range map[string][]byte{"": good, "result code 32": bad, "unexpected EOF": good[:len(good)-3]} {
			c := client{conn: readerConn{Reader: cut(strings.NewReader(string(tc)))}, buf: make([]byte, 64<<10)}
			n, err := c.ask(nil)
			if n != 7 || (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
				t.Errorf("%s, %q: %d entries, %v", name, text, n, err)
			}
		}
	}
}

func TestClientDoesNotAllocate(t *testing.T) {
	answer := ldap.AppendOperation(nil, 2, ldap.OpSearchResultEntry, make([]byte, 500), nil)
	answer = ldap.AppendResult(answer, 2, ldap.OpSearchResultDone, &ldap.Result{}, nil)
	r := strings.NewReader("")
	c := client{conn: &readerConn{Reader: r}, buf: make([]byte, 64<<10)}
	text := string(answer)
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(text)
		if _, err := c.ask(nil); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A round trip over the line takes 40 ms, the first one on a connection 80, and
// two parcels at once do not take longer than one.
func TestLineDelaysAndDoesNotThrottle(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	n, err := startLine(echo.Addr().String(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	began := time.Now() // the line charges for connecting, too
	conn, err := net.Dial("tcp", n.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, size := range []int{1, 1, 1 << 20} {
		if i > 0 {
			began = time.Now()
		}
		go func() { _, _ = conn.Write(make([]byte, size)) }()
		if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		least := 40 * time.Millisecond
		if i == 0 {
			least *= 2
		}
		if took := time.Since(began); took < least || took > least+10*time.Second { // ten seconds, for a machine that has other things to do
			t.Errorf("%d octets there and back took %v", size, took)
		}
	}
}

func TestReportGoesBetweenMarkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	for _, tc := range []struct{ before, want string }{
		{"a\n" + markBegin + "\nold\n" + markEnd + "\nb\n", "a\n" + markBegin + "\nnew\n" + markEnd + "\nb\n"},
		{"no markers", ""},
	} {
		if err := os.WriteFile(file, []byte(tc.before), 0o600); err != nil {
			t.Fatal(err)
		}
		err := writeBetweenMarkers(file, "new")
		got, _ := os.ReadFile(file)
		if (err == nil) != (tc.want != "") || err == nil && string(got) != tc.want {
			t.Errorf("%q: %q, %v", tc.before, got, err)
		}
	}
}

func TestRatioIsOfTheSameRound(t *testing.T) {
	c := comparison{samples: map[string][]sample{
		"l\x00a": {{cpu: 10}, {cpu: 40}, {cpu: 20}},
		"l\x00b": {{cpu: 5}, {cpu: 20}, {cpu: 5}},
	}}
	if got, ok := c.ratio("l", "a", "b", cpuOf); !ok || got != 2 {
		t.Errorf("%v %v, want 2", got, ok)
	}
}

func TestMixIsComplete(t *testing.T) {
	list, err := requests(workloads(5000, 300), mixedLoad, native)
	if err != nil || len(list) != mixture {
		t.Errorf("%d requests, %v", len(list), err)
	}
}
