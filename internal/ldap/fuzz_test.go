package ldap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// eachSample hands every message of the corpus to a fuzz target as a seed, and every bad
// packet that the end-to-end tests attack the proxy with.
func eachSample(f *testing.F, add func(frame []byte, m ldap.Message)) {
	attacks, err := os.ReadFile("testdata/attacks.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(attacks)) {
		digits, _, _ := strings.Cut(line, " ")
		frame, err := hex.DecodeString(digits)
		if err != nil {
			f.Fatal(err)
		}
		m, _ := ldap.ParseMessage(frame)
		add(frame, m)
	}
	for _, s := range corpus {
		frame := octets(s.wire)
		m, _ := ldap.ParseMessage(frame) // parts of what it refuses are seeds too
		add(frame, m)
	}
}

// memoryPerOctet bounds what decoding one octet of input may allocate. The
// dearest octets are a filter's: two on the wire make a node of 112.
const memoryPerOctet = 200

// checkMemory fails when f allocates out of proportion to its input, or takes longer
// than even a loaded machine does: the fuzzer itself has no time limit for one input.
func checkMemory(t *testing.T, input int, f func()) {
	t.Helper()
	slow := time.AfterFunc(30*time.Second, func() { panic("still decoding after 30 s") })
	defer slow.Stop()
	if got, most := allocatedBy(f), uint64(64<<10+memoryPerOctet*input); got > most {
		t.Errorf("%d octets of input took %d octets of memory, want at most %d", input, got, most)
	}
}

// FuzzFramer: how a stream arrives does not change its frames, a frame is what
// its header says, and memory follows what arrived.
func FuzzFramer(f *testing.F) {
	eachSample(f, func(frame []byte, _ ldap.Message) { f.Add(frame, uint16(1000)) })
	f.Add(slices.Concat(frameOf(7), frameOf(2000), octets("30 84 40 00 00 00")), uint16(2000))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(1000))
	f.Fuzz(func(t *testing.T, in []byte, limit uint16) {
		frames := func(r io.Reader) (all [][]byte, last string) {
			framer := ldap.NewFramer(r)
			for {
				whole, partials := framer.HasFrame(), 0
				frame, err := framer.Next(int64(limit), func() { partials++ })
				if partials > 1 || whole && partials > 0 {
					t.Errorf("partial called %d times, whole before: %v", partials, whole)
				}
				if err != nil {
					return all, err.Error()
				}
				all = append(all, bytes.Clone(frame))
			}
		}
		var once [][]byte
		var end string
		checkMemory(t, len(in), func() { once, end = frames(bytes.NewReader(in)) })
		slowly, slowEnd := frames(iotest.OneByteReader(bytes.NewReader(in)))
		if !slices.EqualFunc(once, slowly, bytes.Equal) || end != slowEnd {
			t.Errorf("at once %d frames and %s, octet by octet %d and %s", len(once), end, len(slowly), slowEnd)
		}
		if !bytes.HasPrefix(in, slices.Concat(once...)) {
			t.Error("the frames are not the stream")
		}
		for _, frame := range once {
			tag, size, length, err := ber.Header(frame)
			if err != nil || tag != ber.Sequence || int64(size)+length != int64(len(frame)) || len(frame) > int(limit) {
				t.Errorf("frame % x: tag %x, header %d, length %d, %v", frame, tag, size, length, err)
			}
		}
	})
}

// FuzzMessage: what decodes can be written, and then means the same; nothing
// panics or takes memory out of proportion; the trace is one line.
func FuzzMessage(f *testing.F) {
	eachSample(f, func(frame []byte, _ ldap.Message) { f.Add(frame) })
	for _, frame := range withSecret("MARKERpw") {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var d decoded
		var err error
		checkMemory(t, len(in), func() { d, err = decodeAll(in, decodeLimits) })
		line := string(ldap.AppendTrace(nil, in))
		checkTraceLine(t, line)
		var limit *ldap.LimitError
		switch {
		case err == nil:
			checkStable(t, d, decodeLimits)
			m, err := ldap.ParseMessage(in)
			if err != nil {
				t.Fatal(err)
			}
			moved, err := ldap.ParseMessage(ldap.AppendEnvelope(nil, 1<<20, m.Tail))
			if err != nil || moved.ID != 1<<20 || !bytes.Equal(moved.Tail, m.Tail) {
				t.Errorf("under another ID: %v", err)
			}
		case !errors.As(err, &limit) && !errors.Is(err, ldap.ErrMalformed) && d.Op != ldap.OpExtendedResponse:
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

// besideGoLDAP tells whether to hold our reading against go-ldap's: always for
// the seeds, which run with every go test, and while fuzzing only on request
// (FUZZ_BESIDE_GO_LDAP=1), because it also finds where go-ldap differs from the
// RFCs, which is no fault of a change here.
func besideGoLDAP() bool {
	fuzzing := flag.Lookup("test.fuzz")
	return fuzzing == nil || fuzzing.Value.String() == "" || os.Getenv("FUZZ_BESIDE_GO_LDAP") != ""
}

// plainFilter tells whether RFC 4515 has a text for f: names are names, no
// piece is empty. Others are legal on the wire only.
func plainFilter(f *ldap.Filter) bool {
	name := func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
		})
	}
	for i := range f.Children {
		if !plainFilter(&f.Children[i]) {
			return false
		}
	}
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		return true
	case ldap.FilterExtensible:
		return (f.Attr == "" || name(f.Attr)) && (f.Rule == "" || name(f.Rule))
	case ldap.FilterSubstrings:
		if len(f.Substrings) == 0 || slices.ContainsFunc(f.Substrings, func(s ldap.Substring) bool { return s.Value == "" }) {
			return false
		}
	}
	return name(f.Attr)
}

// filtersAtOnce compares filters from top to bottom once. By itself cmp compares the
// elements of slices twice, and so those of 64 levels 2^64 times.
var filtersAtOnce = cmp.Comparer(sameFilter)

func sameFilter(a, b ldap.Filter) bool {
	return a.Kind == b.Kind && a.DNAttrs == b.DNAttrs && a.Attr == b.Attr && a.Value == b.Value && a.Rule == b.Rule &&
		slices.Equal(a.Substrings, b.Substrings) && slices.EqualFunc(a.Children, b.Children, sameFilter)
}

// FuzzFilter: what decodes is written to what decodes to the same; and its
// text, read by go-ldap, is the same filter.
func FuzzFilter(f *testing.F) {
	eachSample(f, func(_ []byte, m ldap.Message) {
		if m.Op == ldap.OpSearchRequest {
			r := ber.Read(m.Body)
			for range 6 {
				r.Next()
			}
			f.Add(r.Rest()) // with the attribute list behind it, which the fuzzer may cut
			before := len(r.Rest())
			rest := r.Rest()
			if _, _, err := r.Next(); err == nil {
				f.Add(rest[:before-len(r.Rest())])
			}
		}
	})
	f.Fuzz(func(t *testing.T, in []byte) {
		var filter ldap.Filter
		var err error
		checkMemory(t, len(in), func() { filter, err = ldap.DecodeFilter(string(in), decodeLimits) })
		if err != nil {
			return
		}
		wire := ldap.AppendFilter(nil, &filter)
		again, err := ldap.DecodeFilter(string(wire), decodeLimits)
		if diff := cmp.Diff(filter, again, filtersAtOnce); err != nil || diff != "" {
			t.Fatalf("% x, written as % x: error %v\n%s", in, wire, err, diff)
		}
		if len(wire) > len(in)+2*strings.Count(string(in), "\x84") { // 1 is written as 255 in as many octets
			t.Errorf("written in %d octets, came in %d", len(wire), len(in))
		}
		text := filter.String()
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%q is not text of one line", text)
		}
		if !besideGoLDAP() || !plainFilter(&filter) {
			return
		}
		packet, err := goldap.CompileFilter(text)
		if err != nil {
			t.Fatalf("go-ldap refuses %s: %v", text, err)
		}
		theirs, err := ldap.DecodeFilter(string(packet.Bytes()), decodeLimits)
		if diff := cmp.Diff(filter, theirs, filtersAtOnce); err != nil || diff != "" {
			t.Fatalf("go-ldap reads %s as % x: error %v\n%s", text, packet.Bytes(), err, diff)
		}
	})
}

// sameAsTheirs tells whether go-ldap read what we did. It turns octets that are
// no UTF-8 into replacement characters.
func sameAsTheirs(ours ldap.DN, theirs *goldap.DN) bool {
	return slices.EqualFunc(ours, theirs.RDNs, func(r ldap.RDN, s *goldap.RelativeDN) bool {
		return slices.EqualFunc(r, s.Attributes, func(a ldap.AVA, b *goldap.AttributeTypeAndValue) bool {
			return a.Type == b.Type && (a.Value == b.Value || strings.Contains(b.Value, "\ufffd"))
		})
	})
}

// comparesAlike tells whether go-ldap knows all that our comparison does: it
// knows neither names of types beside the one given, nor spaces that do not
// count, and folds more letters (EqualFold takes long s for s).
func comparesAlike(d ldap.DN) bool {
	for _, rdn := range d {
		for _, a := range rdn {
			typ, _ := ldap.AttributeTypeOf(a.Type)
			ascii := !strings.ContainsFunc(a.Type+a.Value, func(r rune) bool { return r >= utf8.RuneSelf })
			if typ != ldap.Other || ldap.AttributeName(a.Type) != a.Type || !ascii || ldap.FoldValue(a.Value) != strings.ToLower(a.Value) {
				return false
			}
		}
	}
	return true
}

// FuzzDN: a DN that was read is written to one that reads the same. Where
// go-ldap reads it too, it reads the same, and agrees on whether two are equal.
func FuzzDN(f *testing.F) {
	for i, tc := range dnTable {
		f.Add(tc.in, dnTable[(i+1)%len(dnTable)].in)
		f.Add(tc.in, strings.ToUpper(tc.in))
		f.Add(tc.in, tc.text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		da, errA := ldap.ParseDN(a)
		db, errB := ldap.ParseDN(b)
		if errA == nil {
			text := da.String()
			again, err := ldap.ParseDN(text)
			if err != nil || !again.Equal(da) || !da.Equal(again) || cmp.Diff(da, again) != "" {
				t.Fatalf("%q, written as %q, reads as %q, %v", a, text, again, err)
			}
			if again.String() != text {
				t.Fatalf("%q, then %q", text, again)
			}
			if !utf8.ValidString(text) {
				t.Fatalf("%q is not UTF-8", text)
			}
			if !da.Below(da.Parent()) || len(da) > 0 && da.Parent().Below(da) {
				t.Fatalf("%q and its parent", a)
			}
		}
		if errA != nil || errB != nil {
			return
		}
		if da.Equal(db) != db.Equal(da) {
			t.Fatalf("%q and %q are equal one way only", a, b)
		}
		if !besideGoLDAP() {
			return
		}
		ga, err := goldap.ParseDN(a)
		if err != nil {
			return
		}
		gb, err := goldap.ParseDN(b)
		if err != nil {
			return
		}
		if !sameAsTheirs(da, ga) || !sameAsTheirs(db, gb) {
			t.Fatalf("%q and %q: we read %q and %q, go-ldap %q and %q", a, b, da, db, ga, gb)
		}
		if comparesAlike(da) && comparesAlike(db) && da.Equal(db) != ga.EqualFold(gb) {
			t.Fatalf("%q and %q: we say %v, go-ldap %v", a, b, da.Equal(db), ga.EqualFold(gb))
		}
	})
}

// FuzzControls: as FuzzMessage, for the controls alone.
func FuzzControls(f *testing.F) {
	eachSample(f, func(_ []byte, m ldap.Message) {
		if m.Controls != nil {
			f.Add(m.Controls)
		}
	})
	f.Add(ldap.AppendControl(nil, ldap.PagedResults{Size: 500, Cookie: "c"}.Control(true)))
	f.Fuzz(func(t *testing.T, in []byte) {
		var list []ldap.Control
		var err error
		checkMemory(t, len(in), func() { list, err = ldap.DecodeControls(string(in), decodeLimits.Controls) })
		if err != nil {
			return
		}
		var wire []byte
		for _, c := range list {
			wire = ldap.AppendControl(wire, c)
			if p, err := ldap.DecodePagedResults(c.Value); err == nil {
				again, err := ldap.DecodePagedResults(p.Control(c.Critical).Value)
				if err != nil || again != p {
					t.Errorf("%+v came back as %+v, %v", p, again, err)
				}
			}
		}
		again, err := ldap.DecodeControls(string(wire), decodeLimits.Controls)
		if diff := cmp.Diff(list, again); err != nil || diff != "" {
			t.Errorf("% x, written as % x: error %v\n%s", in, wire, err, diff)
		}
		if len(wire) > len(in) {
			t.Errorf("written in %d octets, came in %d", len(wire), len(in))
		}
	})
}
