package rewrite

import (
	"fmt"
	"slices"
	"strconv"

	"jamf-ldap-proxy/internal/ldap"
)

// pair is one row of the pair table, prepared for both directions.
type pair struct {
	legacy, posix             string
	legacyBytes               []byte
	legacyEscaped             []byte // as a DN value
	legacyFolded, posixFolded string
	gid                       string   // "" while it is not known
	gids                      []string // the same as a list
}

// pairTable finds a pair by either name, compared as cn values are.
type pairTable struct {
	all      []*pair
	byLegacy map[string]*pair
	byPosix  map[string]*pair

	// What discovery says of groups that are in no pair, by folded name.
	discovered   bool // discovery has read every group
	noLinuxGroup map[string]bool
	ambiguous    map[string]bool

	// byUUID is the name, in the view, of the group directly below the users
	// base that has a stable UUID; nil without stable_uuid.
	byUUID map[string]string
}

// Discovered is what a discovery learned about the groups of the directory.
// Names are as the directory spells them.
type Discovered struct {
	Pairs         []PairConfig // one for each two entries that certainly are one group
	NoLinuxGroup  []string     // console names of groups without a Linux group
	NoLegacyGroup []string     // Linux names of groups without an entry in the legacy vocabulary
	Ambiguous     []string     // console and Linux names that have more than one candidate
}

// newPairTable checks the configured pairs and adds those that a discovery
// found, unless a name of theirs is taken: the configuration comes first.
func newPairTable(configured []PairConfig, d *Discovered) (*pairTable, error) {
	t := &pairTable{
		byLegacy: map[string]*pair{}, byPosix: map[string]*pair{},
		noLinuxGroup: map[string]bool{}, ambiguous: map[string]bool{},
	}
	for i, c := range configured {
		p := newPair(c)
		if p.legacyFolded == "" || p.posixFolded == "" {
			return nil, fmt.Errorf("groups.pairs[%d]: legacy and posix must both be given", i)
		}
		if t.byLegacy[p.legacyFolded] != nil {
			return nil, fmt.Errorf("groups.pairs[%d].legacy: %q is used by two pairs", i, c.Legacy)
		}
		if t.byPosix[p.posixFolded] != nil {
			return nil, fmt.Errorf("groups.pairs[%d].posix: %q is used by two pairs", i, c.Posix)
		}
		t.add(p)
	}
	if d != nil {
		t.learn(d)
	}
	return t, nil
}

func newPair(c PairConfig) *pair {
	p := &pair{
		legacy: c.Legacy, posix: c.Posix,
		legacyBytes:   []byte(c.Legacy),
		legacyEscaped: ldap.AppendDNValue(nil, c.Legacy),
		legacyFolded:  ldap.FoldValue(c.Legacy), posixFolded: ldap.FoldValue(c.Posix),
	}
	p.setGID(c.GID)
	return p
}

func (p *pair) setGID(gid int) {
	if gid > 0 {
		p.gid = strconv.Itoa(gid)
		p.gids = []string{p.gid}
	}
}

func (t *pairTable) add(p *pair) {
	t.all = append(t.all, p)
	t.byLegacy[p.legacyFolded], t.byPosix[p.posixFolded] = p, p
}

func (t *pairTable) learn(d *Discovered) {
	t.discovered = true
	for _, c := range d.Pairs {
		p := newPair(c)
		if p.legacyFolded != "" && p.posixFolded != "" && t.byLegacy[p.legacyFolded] == nil && t.byPosix[p.posixFolded] == nil {
			t.add(p)
		}
	}
	for _, name := range d.NoLinuxGroup {
		t.noLinuxGroup[ldap.FoldValue(name)] = true
	}
	for _, name := range d.Ambiguous {
		t.ambiguous[ldap.FoldValue(name)] = true
	}
}

// ofPosix finds the pair of a posix name without allocating for names of
// ordinary length.
func (t *pairTable) ofPosix(name []byte) *pair { return find(t.byPosix, name) }

// ofLegacyBytes is ofLegacy for a name in an entry, like ofPosix.
func (t *pairTable) ofLegacyBytes(name []byte) *pair { return find(t.byLegacy, name) }

func find(byName map[string]*pair, name []byte) *pair {
	if len(byName) == 0 {
		return nil
	}
	var scratch [128]byte
	return byName[string(ldap.AppendFolded(scratch[:0], name))]
}

func (t *pairTable) ofLegacy(name string) *pair { return t.byLegacy[ldap.FoldValue(name)] }

func (t *pairTable) isPosix(name string) bool { return t.byPosix[ldap.FoldValue(name)] != nil }

// Pairs returns the pair table, in the order in which it decides. The GID is 0
// where it is not known. There is none in mode off.
func (r *Rules) Pairs() []PairConfig {
	if r.pairs == nil {
		return nil
	}
	list := make([]PairConfig, len(r.pairs.all))
	for i, p := range r.pairs.all {
		gid, _ := strconv.Atoi(p.gid)
		list[i] = PairConfig{Legacy: p.legacy, Posix: p.posix, GID: gid}
	}
	return list
}

// With returns rules that also know what a discovery found. Its pairs come
// behind the configured ones; an earlier discovery is forgotten.
func (r *Rules) With(d Discovered) *Rules {
	if r.pairs == nil {
		return r
	}
	changed := *r
	changed.pairs, _ = newPairTable(r.cfg.Pairs, &d) // the configured pairs have been checked by Compile
	changed.indexUUIDs(&d)
	return &changed
}

// WithGIDs returns rules in which pairs whose Linux group ID was not known
// have the one given, by posix name as PairConfig spells it.
func (r *Rules) WithGIDs(gids map[string]int) *Rules {
	if r.pairs == nil || len(gids) == 0 {
		return r
	}
	changed, table := *r, *r.pairs
	table.all, table.byLegacy, table.byPosix = nil, map[string]*pair{}, map[string]*pair{}
	for _, p := range r.pairs.all {
		if gid := gids[p.posix]; gid > 0 && p.gid == "" {
			learned := *p
			learned.setGID(gid)
			p = &learned
		}
		table.add(p)
	}
	changed.pairs = &table
	return &changed
}

// gidsOf returns the known Linux group IDs of pairs in the order of the table,
// each once.
func (t *pairTable) gidsOf(pairs []*pair) []string {
	switch len(pairs) {
	case 0:
		return nil
	case 1:
		return pairs[0].gids
	}
	var gids []string
	for _, p := range t.all {
		if slices.Contains(pairs, p) && p.gid != "" {
			gids = addOnce(gids, p.gid)
		}
	}
	return gids
}
