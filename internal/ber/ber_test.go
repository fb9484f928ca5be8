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
