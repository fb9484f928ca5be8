package rewrite

import (
	"jamf-ldap-proxy/internal/ldap"
)

// Rules is a compiled configuration. It is immutable and shared by all
// sessions.
type Rules struct {
	cfg Config
}

// Compile checks cfg and prepares it for planning.
func Compile(cfg Config) (*Rules, error) { return &Rules{cfg: cfg}, nil }

// Mode returns the configured mode, for the lookup record.
func (r *Rules) Mode() Mode { return r.cfg.Mode }

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
	// noSuchObject and no entry was seen: whether the base that the client
	// named exists under its own name. Its result is the client's result.
	Fallback *ldap.SearchRequest
	// SizeLimit, when not 0, is counted here and not upstream: after that many
	// kept entries the next kept one ends the search with sizeLimitExceeded.
	SizeLimit int32
	// Rules are the names of the rules that fired, Hints the ids of hints, each
	// once and in order.
	Rules, Hints []string
}

// Search plans a search. It does not change req and shares its strings.
func (r *Rules) Search(req *ldap.SearchRequest) *Plan {
	return &Plan{Request: *req}
}

// AppendEntry appends the whole message (SearchResultEntry under the client's
// message ID) that a bridged plan makes of an upstream entry. body is the
// upstream operation's contents, controls the contents of its controls element
// or nil. kept is false, and dst unchanged, when the entry has no place in the
// answer. It allocates nothing in the usual case.
func (p *Plan) AppendEntry(dst []byte, id int32, body, controls []byte) (out []byte, kept bool, err error) {
	return ldap.AppendOperation(dst, id, ldap.OpSearchResultEntry, body, controls), true, nil
}

// Result translates matchedDN and diagnostic of an upstream result back.
func (p *Plan) Result(res *ldap.Result) {}

// ComparePlan is what becomes of one compare. Exactly one of Compare and
// Search is set.
type ComparePlan struct {
	Bridged bool
	Changed bool // of Compare: as in Plan
	// Compare is asked upstream as a compare; pass its result through Result.
	Compare *ldap.CompareRequest
	// Search answers the compare by a base search: one kept entry (Kept)
	// means compareTrue, none with success means compareFalse.
	Search       *Plan
	Rules, Hints []string
}

// Compare plans a compare.
func (r *Rules) Compare(req *ldap.CompareRequest) *ComparePlan {
	return &ComparePlan{Compare: req}
}

// Result turns an upstream result into the client's. For a bridged compare
// noSuchAttribute, undefinedAttributeType and noSuchObject become compareFalse
// (JNDI raises on them where "not a member" is meant); with Search, matched
// says whether an entry was kept and success becomes compareTrue or
// compareFalse.
func (p *ComparePlan) Result(res *ldap.Result, matched bool) {}
