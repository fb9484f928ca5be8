package rewrite

import (
	"bytes"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// Plan is what becomes of one search: what is asked upstream, and how the
// answers go back. A Plan belongs to one operation; its methods are not safe
// for concurrent use.
type Plan struct {
	// Bridged: the request is answered from the view. Its entries must go
	// through AppendEntry and its result through Result. An entry of a request
	// that is not bridged passes byte for byte.
	Bridged bool
	// Changed: Request differs from what the client sent and must be encoded
	// again; otherwise the client's own bytes may be forwarded.
	Changed bool
	// Request is what to ask upstream.
	Request ldap.SearchRequest
	// Fallback, when not nil, is asked when upstream answers Request with
	// noSuchObject and no entry was seen: the base that the client named may
	// exist under its own name. Its entries and its result are the client's.
	Fallback *ldap.SearchRequest
	// SizeLimit, when not 0, is counted here and not upstream: after that many
	// kept entries the next kept one ends the search with sizeLimitExceeded.
	SizeLimit int32
	// UnknownGIDs are the posix names of pairs whose Linux group ID this plan
	// would need and nobody knows yet. Read them, see Rules.WithGIDs, and plan
	// again for the complete answer; without that these groups have none.
	UnknownGIDs []string
	// Rules are the names of the rules that fired, Hints the ids of hints, each
	// once and in order. AppendEntry and Answered add to Hints.
	Rules, Hints []string

	rules      *Rules
	steps      *Steps       // nil but in Explain
	confined   bool         // only entries that become groups of the view can match
	original   *ldap.Filter // to be evaluated again, nil when the translation is exact
	selection  ldap.Selection
	typesOnly  bool
	extra      []string // requested for our own use
	asked      []string // names of groups that the request asks for
	baseDN     ldap.DN  // the client's base, when a pair knows its name
	scope      ldap.Scope
	mappedBase string
	clientBase string
	group      group // the one being encoded
}

// group is what is remembered of a group entry while it is encoded.
type group struct {
	dn     []byte  // as the view shows it; the memory serves one entry after the other
	pairs  []*pair // that its names belong to; the same
	ownGID bool
}

// Hint adds a hint, of the translation or of the proxy, once.
func (p *Plan) Hint(id string) { p.Hints = addOnce(p.Hints, id) }

func (p *Plan) fire(rule string) { p.Rules = addOnce(p.Rules, rule) }

// Result translates matchedDN and diagnostic of an upstream result back.
func (p *Plan) Result(res *ldap.Result) {
	if !p.Bridged {
		return
	}
	res.MatchedDN = p.matchedDN(res.MatchedDN)
	if p.mappedBase != "" && res.Diagnostic != "" {
		res.Diagnostic = strings.ReplaceAll(res.Diagnostic, p.mappedBase, p.clientBase)
	}
}

// matchedDN returns the deepest ancestor of the client's base as the view has
// it: a renamed group is there under its other name when the client used that,
// and else not at all.
func (p *Plan) matchedDN(dn string) string {
	if dn == "" {
		return ""
	}
	shown := string(p.rules.view.appendDN(p.rules, nil, []byte(dn)))
	if shown == dn || p.mappedBase != "" {
		return shown
	}
	_, parent, _ := firstCN([]byte(dn))
	return string(bytes.TrimPrefix(parent, []byte(",")))
}
