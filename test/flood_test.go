package test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"testing"
)

// flood is a directory of one answer: to every search it sends the same entry
// a number of times, as fast as it is read. It holds nothing itself, so that
// answers can be larger than this machine's memory.
type flood struct {
	addr    string
	entry   func(id int64) []byte // one encoded message
	entries int
}

func startFlood(t testing.TB, entries int, entryOp []byte) *flood {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := &flood{addr: l.Addr().String(), entries: entries, entry: func(id int64) []byte { return message(id, entryOp) }}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return f
}

func (f *flood) url() string { return "ldap://" + f.addr }

func (f *flood) serve(conn net.Conn) {
	defer conn.Close()
	in, out := bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10)
	for {
		raw, err := readPacket(in)
		if err != nil {
			return
		}
		p, err := parsePacket(raw)
		if err != nil {
			return
		}
		switch p.op.tag {
		case opBind:
			out.Write(message(p.id, tlv(opBindResponse, success())))
		case opSearch:
			entry := f.entry(p.id)
			for range f.entriesFor(p) {
				if _, err := out.Write(entry); err != nil {
					return
				}
			}
			out.Write(message(p.id, tlv(opDone, success())))
		default:
			return
		}
		if out.Flush() != nil {
			return
		}
	}
}

// entriesFor is one entry for the user that tests call small.
func (f *flood) entriesFor(p packet) int {
	if bytes.Contains(p.raw, []byte(smallUser)) {
		return 1
	}
	return f.entries
}

const smallUser = "the.small.one"

func success() []byte {
	return bytes.Join([][]byte{enumerated(0), octets(""), octets("")}, nil)
}

// entryOp encodes a SearchResultEntry; attributes are name, values.
func entryOp(dn string, attributes ...[]string) []byte {
	var list [][]byte
	for _, a := range attributes {
		var values [][]byte
		for _, v := range a[1:] {
			values = append(values, octets(v))
		}
		list = append(list, tlv(0x30, octets(a[0]), tlv(0x31, values...)))
	}
	return tlv(opEntry, octets(dn), tlv(0x30, list...))
}

func manyUserNames(n int) []string {
	names := []string{"memberUid"}
	for i := range n {
		names = append(names, fmt.Sprintf("first.lastname%05d", i))
	}
	return names
}
