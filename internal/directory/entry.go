package directory

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"

	"jamf-ldap-proxy/internal/ldif"
)

// loaded is the create and modify time of every entry. It is fixed so that two
// runs give the same answers.
const loaded = "20240102030405Z"

const subschemaDN = "cn=Subschema"

type entry struct {
	dn     string // as the LDIF writes it
	name   dn
	key    string // name.key(), what entries are found by
	parent string // key of the parent
	attrs  []attribute
}

// attribute is one attribute of an entry with all its values.
type attribute struct {
	description
	values []string
	norms  []string // values in the normal form of the equality rule, nil without one
}

// name is how the attribute is written in answers.
func (a *attribute) name() string {
	return strings.Join(append([]string{a.typ.name}, a.options...), ";")
}

// answers reports whether a request for want includes a: the same type or a
// subtype of it, with at least the same options (RFC 4512 section 2.5.2).
func (s *schema) answers(a *attribute, want description) bool {
	if !s.isSubtype(a.typ, want.typ) {
		return false
	}
	for _, option := range want.options {
		if !slices.Contains(a.options, option) {
			return false
		}
	}
	return true
}

func (e *entry) add(s *schema, d description, value string) error {
	i := slices.IndexFunc(e.attrs, func(a attribute) bool {
		return a.typ == d.typ && slices.Equal(a.options, d.options)
	})
	if i < 0 {
		e.attrs = append(e.attrs, attribute{description: d})
		i = len(e.attrs) - 1
	}
	a := &e.attrs[i]
	a.values = append(a.values, value)
	if d.typ.equality == nil {
		return nil
	}
	norm, err := d.typ.equality.normalize(s, value, whole)
	if err != nil {
		return fmt.Errorf("value %q of %s: %w", value, d.typ.name, err)
	}
	a.norms = append(a.norms, norm)
	return nil
}

// first returns the first value of a built-in attribute, empty without one.
func (e *entry) first(name string) string {
	for _, a := range e.attrs {
		if a.typ.name == name && len(a.options) == 0 {
			return a.values[0]
		}
	}
	return ""
}

// tree is the content of a directory. It does not change after loading, so it
// is read without locks.
type tree struct {
	schema    *schema
	entries   []*entry // in the order of the LDIF
	byKey     map[string]*entry
	rootDSE   *entry
	subschema *entry
}

func loadTree(r io.Reader) (*tree, error) {
	records, err := ldif.Read(r)
	if err != nil {
		return nil, fmt.Errorf("reading LDIF: %w", err)
	}
	t := &tree{schema: newSchema(), byKey: make(map[string]*entry, len(records))}
	for _, rec := range records {
		if err := t.load(rec); err != nil {
			return nil, fmt.Errorf("loading the entry at line %d: %w", rec.Line, err)
		}
	}
	if len(t.entries) == 0 {
		return nil, fmt.Errorf("the LDIF has no entry")
	}
	if err := t.addOperational(); err != nil {
		return nil, err
	}
	for _, e := range t.entries {
		shuffle(e)
	}
	return t, t.addSpecial()
}

func (t *tree) load(rec ldif.Entry) error {
	for _, p := range rec.Attrs {
		name, _, _ := strings.Cut(p.Name, ";")
		if typ := t.schema.learn(name); typ.name == "objectClass" {
			t.schema.learnClass(p.Value)
		}
	}
	name, err := t.schema.parseDN(rec.DN)
	if err != nil || len(name) == 0 {
		return fmt.Errorf("%q: %w", rec.DN, errDN)
	}
	e := &entry{dn: rec.DN, name: name, key: name.key(), parent: name[1:].key()}
	if t.byKey[e.key] != nil {
		return fmt.Errorf("%q exists already", rec.DN)
	}
	// An entry without a loaded parent starts a naming context of its own.
	for _, p := range rec.Attrs {
		d, ok := t.schema.describe(p.Name)
		if !ok {
			return fmt.Errorf("line %d: attribute option in %q is not a language tag", p.Line, p.Name)
		}
		if err := e.add(t.schema, d, p.Value); err != nil {
			return fmt.Errorf("line %d: %w", p.Line, err)
		}
	}
	t.entries = append(t.entries, e)
	t.byKey[e.key] = e
	return nil
}

// addOperational gives every entry the attributes that a server maintains.
func (t *tree) addOperational() error {
	parents := make(map[string]bool)
	for _, e := range t.entries {
		parents[e.parent] = true
	}
	for _, e := range t.entries {
		subordinates := "FALSE"
		if parents[e.key] {
			subordinates = "TRUE"
		}
		// Version 5 in a namespace of this package: stable, and different from
		// any UUID that a proxy may compute from the DN itself.
		id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("ldap:///"+e.key))
		err := t.setAll(e,
			"structuralObjectClass", t.structuralClass(e),
			"entryUUID", id.String(),
			"createTimestamp", loaded,
			"modifyTimestamp", loaded,
			"entryDN", e.dn,
			"subschemaSubentry", subschemaDN,
			"hasSubordinates", subordinates,
		)
		if err != nil {
			return fmt.Errorf("adding operational attributes to %q: %w", e.dn, err)
		}
	}
	return nil
}

// setAll adds name, value, name, value, ... to e.
func (t *tree) setAll(e *entry, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		d := description{typ: t.schema.attribute(pairs[i])}
		if err := e.add(t.schema, d, pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// structuralClass is the most derived structural class of e.
func (t *tree) structuralClass(e *entry) string {
	best, depth := "top", -1
	for _, a := range e.attrs {
		if a.typ.name != "objectClass" {
			continue
		}
		for _, v := range a.values {
			c := t.schema.class(v)
			if c == nil || c.kind != structural {
				continue
			}
			n := 0
			for up := c; up.sup != ""; up = t.schema.class(up.sup) {
				n++
			}
			if n > depth {
				best, depth = c.name, n
			}
		}
	}
	return best
}

// deepest returns the nearest existing ancestor of name, nil when there is none.
func (t *tree) deepest(name dn) *entry {
	for i := 1; i < len(name); i++ {
		if e := t.byKey[name[i:].key()]; e != nil {
			return e
		}
	}
	return nil
}

// shuffle puts the attributes of e in an order that depends on its DN only.
// JumpCloud's order differs from entry to entry; a client that relies on one
// must fail here too.
func shuffle(e *entry) {
	h := fnv.New64a()
	h.Write([]byte(e.key))
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	r.Shuffle(len(e.attrs), func(i, j int) { e.attrs[i], e.attrs[j] = e.attrs[j], e.attrs[i] })
}
