package cache

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// Key stands for one question of one identity. It is a hash, so that a dump of
// the cache's table tells no names, and one with a secret in it, that of the
// identity's, so that nobody can find out by trying which ones they were.
type Key [sha256.Size]byte

// scratches hold the text that a key is the hash of.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

const keepScratch = 64 << 10 // what a request of unusual size needed is not kept

// KeyOf returns the key of a search as it goes upstream. identity is a keyed
// hash of the DN and the password that the session is bound with.
//
// Two requests have one key only when every directory must answer them alike:
// the terms of AND and OR in any order and number, and attribute names of a
// filter in any case. Values are compared as they are, since only the directory
// knows their matching rules; so are the attributes asked for, which some
// directories send back as they were spelled. The time limit is not a part of
// the question: an answer that is complete does not depend on it.
func KeyOf(identity [sha256.Size]byte, req *ldap.SearchRequest, controls []ldap.Control) Key {
	scratch := scratches.Get().(*[]byte)
	b := append((*scratch)[:0], identity[:]...)
	b = ber.Append(b, ber.OctetString, req.Base)
	b = ber.AppendInt(b, ber.Enumerated, int32(req.Scope))
	b = ber.AppendInt(b, ber.Enumerated, req.Deref)
	b = ber.AppendInt(b, ber.Integer, req.SizeLimit)
	b = ber.AppendBool(b, ber.Boolean, req.TypesOnly)
	b = appendFilter(b, &req.Filter)
	for _, name := range req.Attributes {
		b = ber.Append(b, ber.OctetString, name)
	}
	for i := range controls {
		b = ldap.AppendControl(b, controls[i])
	}
	key := Key(sha256.Sum256(b))
	if cap(b) <= keepScratch {
		*scratch = b
		scratches.Put(scratch)
	}
	return key
}

// appendFilter appends f in a form that equivalent filters share. It is made of
// elements that know their length, so that no two others do.
func appendFilter(dst []byte, f *ldap.Filter) []byte {
	dst, m := ber.Begin(dst, ber.ContextConstructed(byte(f.Kind)), 0)
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr:
		dst = appendSet(dst, f.Children)
	case ldap.FilterNot:
		dst = appendFilter(dst, &f.Children[0])
	default:
		dst = appendLower(dst, f.Attr)
		dst = ber.Append(dst, ber.OctetString, f.Value)
		for _, s := range f.Substrings {
			dst = ber.Append(dst, ber.Context(byte(s.Kind)), s.Value)
		}
		if f.Kind == ldap.FilterExtensible {
			dst = appendLower(dst, f.Rule)
			dst = ber.AppendBool(dst, ber.Boolean, f.DNAttrs)
		}
	}
	return ber.End(dst, m, 0)
}

// span is a part of the scratch.
type span struct{ from, to int }

// appendSet appends the terms of AND or OR in order and each once.
func appendSet(dst []byte, terms []ldap.Filter) []byte {
	var few [16]span // more than a client's usual filter has
	spans := few[:0]
	start := len(dst)
	for i := range terms {
		from := len(dst)
		dst = appendFilter(dst, &terms[i])
		spans = append(spans, span{from, len(dst)})
	}
	end := len(dst)
	slices.SortFunc(spans, func(a, b span) int { return bytes.Compare(dst[a.from:a.to], dst[b.from:b.to]) })
	for i, s := range spans {
		if i > 0 {
			if before := spans[i-1]; bytes.Equal(dst[before.from:before.to], dst[s.from:s.to]) {
				continue
			}
		}
		dst = append(dst, dst[s.from:s.to]...)
	}
	return dst[:start+copy(dst[start:], dst[end:])]
}

// appendLower appends an attribute description or the name of a rule, whose
// letters are ASCII and count alike in both cases (RFC 4512 section 2.5).
func appendLower(dst []byte, name string) []byte {
	dst = ber.AppendHeader(dst, ber.OctetString, len(name))
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
