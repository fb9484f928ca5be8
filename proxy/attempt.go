package proxy

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"jamf-ldap-proxy/internal/ldap"
)

// backoffKey is what failed binds are counted by.
type backoffKey struct {
	addr netip.Addr
	dn   dnKey
}

type (
	dnKey       [sha256.Size]byte // a hash, because a DN can be as long as a message
	identityKey = [sha256.Size]byte
)

// backoffKeyOf makes one key of every spelling of a DN that some directory
// might take for the same, or each would be a fresh start: attribute types count
// for nothing, because they have aliases and OIDs, and values are folded, in
// Unicode's compatibility form. What is no DN has one key per address.
//
// An IPv6 client is its /64: it has 2^64 addresses to come from.
func backoffKeyOf(addr netip.Addr, name string) backoffKey {
	if addr.Is6() && !addr.IsLinkLocalUnicast() && !addr.IsLoopback() {
		if prefix, err := addr.WithZone("").Prefix(64); err == nil {
			addr = prefix.Addr()
		}
	}
	var folded []byte
	dn, err := ldap.ParseDN(name)
	if err != nil {
		dn = nil
	}
	for _, rdn := range dn {
		values := make([]string, len(rdn))
		for i, ava := range rdn {
			values[i] = foldCompatible(ava.Value)
		}
		slices.Sort(values) // an RDN of several values is a set
		for _, v := range values {
			folded = append(ldap.AppendDNValue(folded, v), '+')
		}
		folded = append(folded, ',')
	}
	return backoffKey{addr, sha256.Sum256(folded)}
}

// foldCompatible is ldap.FoldValue for values that also come in full width
// letters, ligatures, or with characters that do not show.
func foldCompatible(value string) string {
	if strings.IndexFunc(value, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		value = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) {
				return -1
			}
			return r
		}, norm.NFKC.String(value))
	}
	return ldap.FoldValue(value)
}

// attempt is a bind between its admission and upstream's answer. After end the
// others do nothing.
type attempt struct {
	backoff *backoff
	entry   *backoffEntry
	id      identityKey
	exempt  bool // let through because its password is the right one of an exempt DN
	over    bool
}

// failed notes that upstream called the password wrong.
func (a *attempt) failed() {
	b, e := a.backoff, a.entry
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.exempt[e.key.dn] == a.id {
		b.exempt[e.key.dn] = identityKey{}
	}
	if e.accepted == a.id {
		e.accepted = identityKey{}
	}
	b.failed(e)
	a.endLocked()
}

// succeeded notes that upstream accepted the password, which forgives all
// failures before. That of an exempt DN, which nothing holds back, does not: a
// guesser would have new guesses after each of Jamf's binds.
func (a *attempt) succeeded() {
	b, e := a.backoff, a.entry
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.exempt[e.key.dn]; ok {
		b.exempt[e.key.dn] = a.id
	}
	e.accepted = a.id
	if !a.exempt {
		b.forget(e, "the right password was given")
	}
	a.endLocked()
}

// end is for an attempt that upstream did not answer, and does nothing to one
// that has ended.
func (a *attempt) end() {
	a.backoff.mu.Lock()
	defer a.backoff.mu.Unlock()
	a.endLocked()
}

func (a *attempt) endLocked() {
	if a.over {
		return
	}
	a.over = true
	e := a.entry
	e.asking = slices.DeleteFunc(e.asking, func(other *attempt) bool { return other == a || other.id == e.accepted })
	a.backoff.leave(e)
}
