package ldap_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

const frameMax = 1 << 20

// frameOf is a message of exactly size octets, which cannot be 130 or another
// size between two lengths of header; they tell one place from another.
func frameOf(size int) []byte {
	contents := size
	for contents+ber.HeaderSize(contents) > size {
		contents--
	}
	frame := ber.AppendHeader(nil, ber.Sequence, contents)
	for i := len(frame); i < size; i++ {
		frame = append(frame, byte(i%251)+1)
	}
	return frame
}

// pieces gives one piece per Read, as a network does.
type pieces [][]byte

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

// collect reads frames until an error, copying each because Next reuses them.
func collect(f *ldap.Framer, partial func()) (frames [][]byte, err error) {
	for {
		frame, err := f.Next(frameMax, partial)
		if err != nil {
			return frames, err
		}
		frames = append(frames, bytes.Clone(frame))
	}
}

func TestFramerOneOctetAtATime(t *testing.T) {
	want := [][]byte{octets("30 05 02 01 01 42 00"), frameOf(300), octets("30 84 00 00 00 05 02 01 02 42 00")}
	partials := 0
	got, err := collect(ldap.NewFramer(iotest.OneByteReader(bytes.NewReader(slices.Concat(want...)))), func() { partials++ })
	if err != io.EOF || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("error %v, frames % x", err, got)
	}
	if partials != len(want) {
		t.Errorf("partial called %d times for %d messages", partials, len(want))
	}
}

func TestFramerSeveralMessagesInOneRead(t *testing.T) {
	first, second, third := frameOf(7), frameOf(20), frameOf(40)
	f := ldap.NewFramer(&pieces{slices.Concat(first, second, third[:11]), third[11:]})
	if f.HasFrame() {
		t.Error("a frame before anything was read")
	}
	partials := 0
	next := func(want []byte, wantPartials int, hasMore bool, buffered int) {
		t.Helper()
		got, err := f.Next(frameMax, func() { partials++ })
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got % x, %v; want % x", got, err, want)
		}
		if partials != wantPartials || f.HasFrame() != hasMore || f.Buffered() != buffered {
			t.Errorf("partial called %d times, HasFrame %v, Buffered %d; want %d, %v, %d",
				partials, f.HasFrame(), f.Buffered(), wantPartials, hasMore, buffered)
		}
	}
	next(first, 0, true, 31)
	next(second, 0, false, 11)
	next(third, 1, false, 0)
	if _, err := f.Next(frameMax, func() { partials++ }); err != io.EOF || partials != 1 {
		t.Errorf("error %v, partial called %d times", err, partials)
	}
}

func TestFramerFrameCannotReachTheNextOne(t *testing.T) {
	f := ldap.NewFramer(&pieces{slices.Concat(frameOf(7), frameOf(9))})
	first, err := f.Next(frameMax, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(first, 0xff, 0xff)
	if second, err := f.Next(frameMax, nil); err != nil || !bytes.Equal(second, frameOf(9)) {
		t.Errorf("appending to a frame changed the next one to % x, %v", second, err)
	}
}

func TestFramerEOF(t *testing.T) {
	whole := frameOf(200) // a header of three octets
	for cut := range len(whole) + 1 {
		frames, err := collect(ldap.NewFramer(bytes.NewReader(whole[:cut])), nil)
		switch cut {
		case 0, len(whole):
			if err != io.EOF || len(frames) != cut/len(whole) {
				t.Errorf("end behind octet %d: %d frames, %v; want a clean end", cut, len(frames), err)
			}
		default:
			if err != io.ErrUnexpectedEOF || len(frames) != 0 {
				t.Errorf("end behind octet %d: %d frames, %v; want an unexpected end", cut, len(frames), err)
			}
		}
	}
	broken := errors.New("reset")
	if _, err := collect(ldap.NewFramer(io.MultiReader(bytes.NewReader(whole[:5]), iotest.ErrReader(broken))), nil); err != broken {
		t.Errorf("error %v, want the reader's own", err)
	}
}

// io.Reader may give data together with an error.
func TestFramerErrorBesideData(t *testing.T) {
	want := [][]byte{frameOf(7), frameOf(9)}
	got, err := collect(ldap.NewFramer(iotest.DataErrReader(bytes.NewReader(slices.Concat(want...)))), nil)
	if err != io.EOF || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("error %v, frames % x", err, got)
	}
}

type emptyReads struct{ left int }

func (r *emptyReads) Read(b []byte) (int, error) {
	if r.left--; r.left >= 0 {
		return 0, nil
	}
	return copy(b, "\x30\x05\x02\x01\x01\x42\x00"), nil
}

func TestFramerEmptyReads(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		client.Write(nil) // arrives as a Read of nothing
		client.Write(frameOf(7))
	}()
	if frame, err := ldap.NewFramer(server).Next(frameMax, nil); err != nil || len(frame) != 7 {
		t.Errorf("an empty write: %d octets, %v", len(frame), err)
	}
	if _, err := ldap.NewFramer(&emptyReads{left: 1 << 20}).Next(frameMax, nil); err != io.ErrNoProgress {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

func TestFramerRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		first    byte
		length   int64
		text     string
	}{
		{"HTTP", "47 45 54 20 2f", 'G', 0, "not an LDAP message (first octet 0x47)"},
		{"one octet of HTTP", "47", 'G', 0, "not an LDAP message (first octet 0x47)"},
		{"TLS", "16 03 01 02 00", 0x16, 0, "not an LDAP message (first octet 0x16)"},
		{"end of contents", "00 00", 0, 0, "not an LDAP message (first octet 0x00)"},
		{"a set", "31 05", 0x31, 0, "not an LDAP message (first octet 0x31)"},
		{"indefinite length", "30 80", 0x30, 0, "indefinite length"},
		{"nine octets of length", "30 89", 0x30, 0, "length"},
		{"reserved length", "30 ff", 0x30, 0, "length"},
		{"1 GiB", "30 84 40 00 00 00", 0x30, 1 << 30, "1073741824"},
		{"2^31", "30 84 80 00 00 00", 0x30, 1 << 31, "2147483648"},
		{"2^63-1", "30 88 7f ff ff ff ff ff ff ff", 0x30, 1<<63 - 1, "9223372036854775807"},
		{"2^64-1", "30 88 ff ff ff ff ff ff ff ff", 0x30, 0, "too large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// The reader ends the test should the framer want a single octet more.
			tooMuch := iotest.ErrReader(errors.New("read on"))
			f := ldap.NewFramer(io.MultiReader(bytes.NewReader(octets(tc.in)), tooMuch))
			frame, err := f.Next(frameMax, nil)
			var e *ldap.FrameError
			if !errors.As(err, &e) || !errors.Is(err, ldap.ErrMalformed) {
				t.Fatalf("frame % x, error %v", frame, err)
			}
			if e.First != tc.first || e.Length != tc.length || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%+v: %v", e, err)
			}
			if !f.HasFrame() && e.Length == 0 { // HasFrame knows no limit
				t.Error("HasFrame says that Next would read, but Next refuses without")
			}
		})
	}
}

func TestFramerLimitIsOfTheWholeFrame(t *testing.T) {
	for _, size := range []int{7, 129, 131, 260, 70000} {
		if frame, err := ldap.NewFramer(bytes.NewReader(frameOf(size))).Next(int64(size), nil); err != nil || len(frame) != size {
			t.Errorf("%d octets under a limit of as many: %d octets, %v", size, len(frame), err)
		}
		var e *ldap.FrameError
		if _, err := ldap.NewFramer(bytes.NewReader(frameOf(size))).Next(int64(size-1), nil); !errors.As(err, &e) || e.Max != int64(size-1) {
			t.Errorf("%d octets under a limit of one less: %v", size, err)
		}
	}
}

// allocatedBy is the number of octets that f allocates.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// merlinz01/ldapserver takes a gigabyte for nine octets; we take what arrived.
func TestFramerMemoryFollowsTheOctetsReceived(t *testing.T) {
	header := octets("30 84 40 00 00 00")
	for _, received := range []int{0, 1000, 100_000} {
		in := append(bytes.Clone(header), make([]byte, received)...)
		f := ldap.NewFramer(bytes.NewReader(in))
		got := allocatedBy(func() {
			if _, err := f.Next(2<<30, nil); err != io.ErrUnexpectedEOF {
				t.Errorf("error %v", err)
			}
		})
		if most := uint64(16<<10 + 4*received); got >= most {
			t.Errorf("a claim of 1 GiB and %d octets took %d octets, want less than %d", received, got, most)
		}
	}
}

// spy keeps every slice that it was asked to fill: all memory of a framer.
type spy struct {
	r    io.Reader
	seen [][]byte
}

func (s *spy) Read(b []byte) (int, error) {
	s.seen = append(s.seen, b)
	return s.r.Read(b)
}

// An idle connection holds what its next Read is offered.
func TestFramerShrinks(t *testing.T) {
	for _, tc := range []struct{ size, most int }{{7, 1 << 10}, {60_000, 64 << 10}, {70_000, 1 << 10}, {8 << 20, 1 << 10}} {
		s := &spy{r: &pieces{frameOf(tc.size), frameOf(7)}}
		f := ldap.NewFramer(s)
		if _, err := f.Next(16<<20, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(16<<20, nil); err != nil {
			t.Fatal(err)
		}
		if offered := len(s.seen[len(s.seen)-1]); offered > tc.most {
			t.Errorf("behind a message of %d octets: %d octets are held", tc.size, offered)
		}
	}
}

func TestFramerWipe(t *testing.T) {
	const secret = "hunter2hunter2"
	bindRequest := func(size int) []byte {
		return ldap.AppendOperation(nil, 1, ldap.OpBindRequest, ldap.AppendSimpleBind(nil, strings.Repeat("x", size), []byte(secret)), nil)
	}
	for _, tc := range []struct {
		name string
		in   [][]byte
	}{
		{"a small message", [][]byte{bindRequest(1)}},
		{"a message that made the buffer move", [][]byte{slices.Concat(bindRequest(1), bindRequest(900)[:100]), bindRequest(900)[100:]}},
		{"a message that made the buffer grow", [][]byte{ldap.AppendOperation(nil, 1, ldap.OpBindRequest,
			ldap.AppendSimpleBind(nil, "uid=x", []byte(secret)), make([]byte, 5000))}},
		{"a message that made the buffer shrink", [][]byte{bindRequest(200_000), bindRequest(1)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pieces(tc.in)
			s := &spy{r: &p}
			f := ldap.NewFramer(s)
			if _, err := collect(f, nil); err != io.EOF {
				t.Fatal(err)
			}
			f.Wipe()
			for i, b := range s.seen {
				if bytes.Contains(b[:cap(b)], []byte(secret)) {
					t.Errorf("buffer %d of %d still holds the password", i, len(s.seen))
				}
			}
			if f.Buffered() != 0 {
				t.Errorf("%d octets buffered", f.Buffered())
			}
		})
	}
}

// However the network cuts a stream, the frames are the same, partial is called
// once for each that did not arrive whole, and never for another.
func TestFramerSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(2, 129), rapid.SampledFrom([]int{1023, 1024, 1025, 2048, 5000, 70_000})), 1, 12).Draw(t, "sizes")
		var want [][]byte
		for _, size := range sizes {
			want = append(want, frameOf(size))
		}
		stream := slices.Concat(want...)
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(stream)), 0, 20).Draw(t, "cuts")
		slices.Sort(cuts)
		var p pieces
		last := 0
		for _, cut := range append(cuts, len(stream)) {
			if cut > last {
				p = append(p, stream[last:cut])
				last = cut
			}
		}
		f := ldap.NewFramer(&p)
		for i, frame := range want {
			whole := f.HasFrame()
			partials := 0
			got, err := f.Next(frameMax, func() { partials++ })
			if err != nil || !bytes.Equal(got, frame) {
				t.Fatalf("message %d of %d octets: %d octets, %v", i, len(frame), len(got), err)
			}
			if partials > 1 || whole && partials != 0 {
				t.Fatalf("message %d: partial called %d times, whole before the call: %v", i, partials, whole)
			}
		}
		if _, err := f.Next(frameMax, func() { t.Fatal("partial at a clean end") }); err != io.EOF {
			t.Fatalf("end: %v", err)
		}
	})
}
