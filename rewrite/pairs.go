package rewrite

import (
	"fmt"

	"jamf-ldap-proxy/internal/ldap"
)

// pair is one row of the pair table, prepared for both directions.
type pair struct {
	legacy, posix             string
	legacyBytes               []byte
	legacyEscaped             []byte // as a DN value
	legacyFolded, posixFolded string
}

// pairTable finds a pair by either name, compared as cn values are.
type pairTable struct {
	all      []*pair
	byLegacy map[string]*pair
	byPosix  map[string]*pair
}

func newPairTable(configured []PairConfig) (*pairTable, error) {
	t := &pairTable{byLegacy: map[string]*pair{}, byPosix: map[string]*pair{}}
	for i, c := range configured {
		p := &pair{
			legacy: c.Legacy, posix: c.Posix,
			legacyBytes:   []byte(c.Legacy),
			legacyEscaped: ldap.AppendDNValue(nil, c.Legacy),
			legacyFolded:  ldap.FoldValue(c.Legacy), posixFolded: ldap.FoldValue(c.Posix),
		}
		if p.legacyFolded == "" || p.posixFolded == "" {
			return nil, fmt.Errorf("groups.pairs[%d]: legacy and posix must both be given", i)
		}
		if t.byLegacy[p.legacyFolded] != nil {
			return nil, fmt.Errorf("groups.pairs[%d].legacy: %q is used by two pairs", i, c.Legacy)
		}
		if t.byPosix[p.posixFolded] != nil {
			return nil, fmt.Errorf("groups.pairs[%d].posix: %q is used by two pairs", i, c.Posix)
		}
		t.all = append(t.all, p)
		t.byLegacy[p.legacyFolded], t.byPosix[p.posixFolded] = p, p
	}
	return t, nil
}

// ofPosix finds the pair of a posix name without allocating for names of
// ordinary length.
func (t *pairTable) ofPosix(name []byte) *pair {
	if len(t.byPosix) == 0 {
		return nil
	}
	var scratch [128]byte
	return t.byPosix[string(ldap.AppendFolded(scratch[:0], name))]
}

func (t *pairTable) ofLegacy(name string) *pair { return t.byLegacy[ldap.FoldValue(name)] }

func (t *pairTable) isPosix(name string) bool { return t.byPosix[ldap.FoldValue(name)] != nil }
