package ber

import (
	"bytes"
	"errors"
	"testing"
)

func TestHeader(t *testing.T) {
	for _, tc := range []struct {
		name   string
		in     []byte
		size   int
		length int64
		err    error
	}{
		{"short form", []byte{0x30, 0x05}, 2, 5, nil},
		{"long form", []byte{0x30, 0x82, 0x01, 0x00}, 4, 256, nil},
		{"longer than needed, as Active Directory sends it", []byte{0x30, 0x84, 0, 0, 0, 5}, 6, 5, nil},
		{"nothing yet", nil, 0, 0, nil},
		{"half a header", []byte{0x30, 0x82, 0x01}, 0, 0, nil},
		{"indefinite", []byte{0x30, 0x80}, 0, 0, ErrIndefinite},
		{"nine length octets", []byte{0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0, 0, ErrLength},
		{"2^63", []byte{0x30, 0x88, 0x80, 0, 0, 0, 0, 0, 0, 0}, 0, 0, ErrLength},
		{"2^31", []byte{0x30, 0x84, 0x80, 0, 0, 0}, 6, 1 << 31, nil},
		{"high tag number", []byte{0x3f, 0x20, 0x01}, 0, 0, ErrTagNumber},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, size, length, err := Header(tc.in)
			if size != tc.size || length != tc.length || !errors.Is(err, tc.err) {
				t.Errorf("got size %d length %d err %v, want %d %d %v", size, length, err, tc.size, tc.length, tc.err)
			}
		})
	}
}

func TestIntRoundTrip(t *testing.T) {
	for _, v := range []int32{0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 1<<31 - 1, -1 << 31, 8388607, 8388608} {
		enc := AppendInt(nil, Integer, v)
		r := Read(enc)
		got, err := r.Int(Integer)
		if err != nil || got != v {
			t.Errorf("%d: encoded % x, decoded %d, %v", v, enc, got, err)
		}
		if len(enc) > 3 && (enc[2] == 0 && enc[3] < 0x80 || enc[2] == 0xff && enc[3] >= 0x80) {
			t.Errorf("%d: % x is not the shortest form", v, enc)
		}
	}
	for _, bad := range [][]byte{{}, {0, 0x80, 0, 0, 0}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		if _, err := ParseInt(bad); err == nil {
			t.Errorf("% x: no error", bad)
		}
	}
}

func TestBeginEndWritesMinimalLengths(t *testing.T) {
	for _, n := range []int{0, 127, 128, 255, 256, 65535, 65536, 1 << 20} {
		for _, expect := range []int{0, 200, 1000, 70000, 1 << 24} {
			contents := bytes.Repeat([]byte{7}, n)
			dst, m := Begin([]byte("before"), Sequence, expect)
			dst = End(append(dst, contents...), m, expect)
			want := Append([]byte("before"), Sequence, contents)
			if !bytes.Equal(dst, want) {
				t.Errorf("length %d, expected %d: header is % x, want % x", n, expect, dst[6:12], want[6:12])
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x05})
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, s := Read(in), Read(string(in))
		for !r.Empty() {
			tag, contents, err := r.Next()
			tag2, contents2, err2 := s.Next()
			if tag != tag2 || string(contents) != contents2 || !errors.Is(err, err2) {
				t.Fatalf("bytes and string differ: %v %v, %v %v", tag, err, tag2, err2)
			}
			if err != nil {
				return
			}
			again := Read(Append(nil, tag, contents))
			if tag3, contents3, err := again.Next(); err != nil || tag3 != tag || !bytes.Equal(contents, contents3) {
				t.Fatalf("re-encoding changed the element: %v", err)
			}
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		read func(r *Reader[[]byte]) error
		err  error // nil for an error without a name
	}{
		{"nothing left", nil, func(r *Reader[[]byte]) error { _, err := r.Expect(Integer); return err }, ErrTruncated},
		{"longer than its holder", []byte{4, 3, 'a', 'b'}, func(r *Reader[[]byte]) error { _, err := r.Expect(OctetString); return err }, ErrTruncated},
		{"half a header", []byte{4, 0x82, 1}, func(r *Reader[[]byte]) error { _, err := r.Expect(OctetString); return err }, ErrTruncated},
		{"2^63-1 octets", []byte{4, 0x88, 0x7f, 255, 255, 255, 255, 255, 255, 255}, func(r *Reader[[]byte]) error { _, err := r.Expect(OctetString); return err }, ErrTruncated},
		{"another tag", []byte{4, 1, 5}, func(r *Reader[[]byte]) error { _, err := r.Int(Integer); return err }, nil},
		{"another tag than a boolean's", []byte{2, 1, 1}, func(r *Reader[[]byte]) error { _, err := r.Bool(Boolean); return err }, nil},
		{"a boolean of no octets", []byte{1, 0}, func(r *Reader[[]byte]) error { _, err := r.Bool(Boolean); return err }, ErrBoolean},
		{"a boolean of two octets", []byte{1, 2, 0, 0}, func(r *Reader[[]byte]) error { _, err := r.Bool(Boolean); return err }, ErrBoolean},
		{"an integer of no octets", []byte{2, 0}, func(r *Reader[[]byte]) error { _, err := r.Int(Integer); return err }, ErrInteger},
		{"an integer of 2^31", []byte{2, 5, 0, 0x80, 0, 0, 0}, func(r *Reader[[]byte]) error { _, err := r.Int(Integer); return err }, ErrInteger},
	} {
		r := Read(tc.in)
		if err := tc.read(&r); err == nil || tc.err != nil && !errors.Is(err, tc.err) {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.err)
		}
	}
}

func TestReaderWalks(t *testing.T) {
	in := AppendBool(AppendInt(Append(nil, Context(3), "abc"), Enumerated, -129), Boolean, true)
	in = AppendBool(append(in, 1, 1, 2), ContextConstructed(1), false)
	r := Read(string(in))
	if r.Peek() != 0x83 || r.Empty() {
		t.Errorf("peeks 0x%x", byte(r.Peek()))
	}
	if s, err := r.Expect(Context(3)); s != "abc" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if v, err := r.Int(Enumerated); v != -129 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	for _, want := range []bool{true, true} { // 0xff and 2
		if v, err := r.Bool(Boolean); v != want || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	}
	if r.Rest() != "\xa1\x01\x00" {
		t.Errorf("left %q", r.Rest())
	}
	if v, err := r.Bool(0xa1); v || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if !r.Empty() || r.Peek() != 0 {
		t.Errorf("not at the end: 0x%x", byte(r.Peek()))
	}
}
