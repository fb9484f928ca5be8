package lookup

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
)

// Hasher replaces values of records by keyed hashes, for logs that leave the
// organisation. Equal values get equal hashes, so a user can be followed through
// a log without being named. Byte-equal, that is: "Jon" and "jon" differ; how a DN
// or a filter escapes a value makes no difference.
//
// What [Hasher.Record] hashes:
//   - in DNs (bind, base, upstream base): the value of each component. Names of
//     common attribute types stay: uid=h:…,ou=h:…. Anything else is hashed whole.
//   - in filters: each asserted value, each piece between the * of a substring
//     filter. Attribute names, object classes, matching rules and structure stay.
//     A value that is itself a DN is hashed like a DN, so that member=uid=x,…
//     shows the same hash as uid=x.
//   - a diagnostic, or the text of a hint, that holds a '=': it may quote a DN.
//   - an attribute name or OID that cannot be one.
//
// What stays readable: client addresses and ports, names of attributes, classes
// and hints, OIDs, numbers, times, result codes, and texts without '='.
//
// A short value can be guessed by whoever has the key, and counting how often a
// hash occurs needs no key: this is a mask, not anonymity.
type Hasher struct {
	macs sync.Pool // of *mac, which have read the key
}

// NewHasher returns a Hasher with the given key, or with a random one that lives
// as long as the process when key is empty. It may be used by any number of sinks
// at once, which then show equal hashes.
func NewHasher(key []byte) *Hasher {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key) // never fails, says crypto/rand
	}
	key = slices.Clone(key)
	h := new(Hasher)
	h.macs.New = func() any {
		return &mac{Hash: hmac.New(sha256.New, key), known: make(map[string]string)}
	}
	return h
}

// Value returns "h:" and 12 hexadecimal digits of HMAC-SHA256. The empty string
// stays empty.
func (h *Hasher) Value(s string) string {
	if s == "" {
		return ""
	}
	m := h.macs.Get().(*mac)
	defer h.macs.Put(m)
	return m.value(s)
}

// DN is Value for each component of a DN, as Record hashes it.
func (h *Hasher) DN(s string) string { return h.dn(s) }

// Record returns a copy of r with its values hashed. r is not changed.
func (h *Hasher) Record(r *Record) *Record {
	c := *r
	c.BindDN = h.dn(r.BindDN)
	c.Base = h.dn(r.Base)
	c.Filter = h.filter(r.Filter)
	c.Name = h.name(r.Name)
	c.Attrs = mapped(r.Attrs, h.name)
	c.Controls = mapped(r.Controls, h.name)
	c.Hints = mapped(r.Hints, h.hint)
	c.Diagnostic = h.text(r.Diagnostic)
	c.Upstream.Base = h.dn(r.Upstream.Base)
	c.Upstream.Filter = h.filter(r.Upstream.Filter)
	c.Upstream.Attrs = mapped(r.Upstream.Attrs, h.name)
	return &c
}

// Sink returns a sink of the same name that hashes each record for s. The work is
// done in the sink's own goroutine, not in the lookup's.
func (h *Hasher) Sink(s Sink) Sink { return hashedSink{Sink: s, hasher: h} }

type hashedSink struct {
	Sink
	hasher *Hasher
}

func (s hashedSink) Write(r *Record) { s.Sink.Write(s.hasher.Record(r)) }

func mapped(in []string, f func(string) string) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = f(s)
	}
	return out
}

// text keeps a sentence only if it cannot quote a DN or a filter.
func (h *Hasher) text(s string) string {
	if strings.Contains(s, "=") {
		return h.Value(s)
	}
	return s
}

// hint keeps the stable name in front of a hint's text.
func (h *Hasher) hint(s string) string {
	name, text, found := strings.Cut(s, ": ")
	if !found || !isName(name) {
		return h.text(s)
	}
	return name + ": " + h.text(text)
}

// name keeps what can be an attribute description, an OID, "*" or "+".
func (h *Hasher) name(s string) string {
	if isName(s) {
		return s
	}
	return h.Value(s)
}

// isName reports whether s is made of the characters of attribute descriptions,
// OIDs and the special selectors. Such names are chosen by schema, not by users.
func isName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(".-;:_*+", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isWord reports whether s is made of the characters of an object class, an OID or
// an operation. Neither a hash nor a substring is such a word.
func isWord(s string) bool { return s != "" && isName(s) && !strings.ContainsAny(s, ":*+") }
