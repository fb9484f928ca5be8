package discovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"jamf-ldap-proxy/internal/ldap"
)

// Group is what pairing has to know of one group entry. The members themselves
// are not kept: in a large organisation they would be nearly all of the memory.
type Group struct {
	Name    string // cn as the directory spells it
	GID     int    // of a Linux group; 0 when it has none that is a number above 0
	Members int    // how many different members

	set [sha256.Size]byte // equal for equal sets of members, and only for those
}

// NewGroup returns the group with the members gathered in m, which is empty
// afterwards.
func NewGroup(name string, gid int, m *MemberSet) Group {
	g := Group{Name: name, GID: gid}
	g.Members, g.set = m.sum()
	return g
}

// MemberSet gathers the members of one entry at a time. The zero value is
// ready; it keeps its memory from entry to entry.
type MemberSet struct {
	text  []byte // members in the form that is compared, one behind the other
	spans []span // where each of them stands
	hash  hash.Hash
}

type span struct{ start, end int }

// AddUser adds a user by name; capitals do not make a difference, because
// directories compare the uid in a member DN without them.
func (m *MemberSet) AddUser(name []byte) {
	m.add('u', name)
}

// AddOther adds a member that is no user below the users base. No memberUid
// names such a one, so that the set equals no Linux group's.
func (m *MemberSet) AddOther(dn []byte) {
	m.add('o', dn)
}

func (m *MemberSet) add(kind byte, value []byte) {
	start := len(m.text)
	m.text = ldap.AppendFolded(append(m.text, kind), value)
	m.spans = append(m.spans, span{start, len(m.text)})
}

// sum returns the size of the set and its digest, and empties the set. Each
// member goes into the digest behind its length: "ab", "c" is not "a", "bc".
func (m *MemberSet) sum() (n int, digest [sha256.Size]byte) {
	at := func(s span) []byte { return m.text[s.start:s.end] }
	slices.SortFunc(m.spans, func(a, b span) int { return bytes.Compare(at(a), at(b)) })
	m.spans = slices.CompactFunc(m.spans, func(a, b span) bool { return bytes.Equal(at(a), at(b)) })
	if m.hash == nil {
		m.hash = sha256.New()
	}
	m.hash.Reset()
	var length [binary.MaxVarintLen64]byte
	for _, s := range m.spans {
		_, _ = m.hash.Write(binary.AppendUvarint(length[:0], uint64(s.end-s.start)))
		_, _ = m.hash.Write(at(s))
	}
	m.hash.Sum(digest[:0])
	n = len(m.spans)
	m.text, m.spans = m.text[:0], m.spans[:0]
	return n, digest
}
