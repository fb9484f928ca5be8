package lookup

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
)

// Bounds of what a mac remembers.
const (
	knownValues = 512
	knownLength = 64 // of a value, in bytes
)

// mac hashes values with a key, one at a time. It remembers some of them: the parts
// of the base DN are in every record, several times, and hashing them would be most
// of the work.
type mac struct {
	hash.Hash
	known map[string]string
	in    [256]byte
	sum   [sha256.Size]byte
}

func (m *mac) value(s string) string {
	if text, ok := m.known[s]; ok {
		return text
	}
	text := m.hashed(s)
	if len(s) <= knownLength {
		if len(m.known) == knownValues {
			clear(m.known)
		}
		m.known[strings.Clone(s)] = text // s is part of a larger text
	}
	return text
}

func (m *mac) hashed(s string) string {
	m.Reset()
	for s != "" {
		n := copy(m.in[:], s)
		m.Write(m.in[:n])
		s = s[n:]
	}
	return string(hex.AppendEncode(append(m.in[:0], "h:"...), m.Sum(m.sum[:0])[:6]))
}
