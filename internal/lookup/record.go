// Package lookup holds what the proxy knows about one LDAP operation of a
// client, and carries it to everything that shows lookups.
//
// The proxy fills a [Record] while an operation proceeds and hands it to a
// [Fanout] when the operation ends: one operation, one record. The log, the
// metrics and every later view are a [Sink] each. No sink can slow a lookup: a
// sink that does not keep up loses records, and the loss is counted.
//
// A record never holds a password. Asserted values of secret attributes are
// masked by the proxy before they reach Filter.
package lookup

import "time"

// The values of [Record.Op]: the protocol operation.
const (
	OpBind     = "bind"
	OpSearch   = "search"
	OpCompare  = "compare"
	OpAbandon  = "abandon"
	OpUnbind   = "unbind"
	OpExtended = "extended"
	OpAdd      = "add"
	OpModify   = "modify"
	OpDelete   = "delete"
	OpModifyDN = "modifydn"
	OpUnknown  = "unknown" // a request tag that no RFC defines
)

// The values of [Record.Kind]: the question behind the operation, as an
// administrator of Jamf would name it.
const (
	KindUser       = "user"        // find users
	KindGroup      = "group"       // find groups
	KindMembership = "membership"  // is this user in this group?
	KindUserGroups = "user-groups" // which groups has this user?
	KindMembers    = "members"     // which users has this group?
	KindRootDSE    = "rootdse"
	KindSchema     = "schema"
	KindBind       = "bind"
	KindOther      = "other"
)

// The values of [Record.ClientKind]: the LDAP library of the client, guessed
// from its requests.
const (
	ClientJNDI      = "jndi"
	ClientUnboundID = "unboundid"
	ClientOther     = "other"
)

// The values of [Record.Cache].
const (
	CacheHit       = "hit"
	CacheMiss      = "miss"
	CacheStale     = "stale"     // upstream is down and an expired answer was served
	CacheOff       = "off"       // not asked: switched off, or not a cacheable operation
	CacheCoalesced = "coalesced" // shared the answer of an identical lookup in flight
)

// NoResult is the [Record.Result] of an operation that was not answered: none
// is due (abandon, unbind), it was abandoned, or its client went away.
const NoResult = -1

// Ops returns every value of [Record.Op].
func Ops() []string {
	return []string{
		OpBind, OpSearch, OpCompare, OpAbandon, OpUnbind, OpExtended,
		OpAdd, OpModify, OpDelete, OpModifyDN, OpUnknown,
	}
}

// Kinds returns every value of [Record.Kind].
func Kinds() []string {
	return []string{
		KindUser, KindGroup, KindMembership, KindUserGroups, KindMembers,
		KindRootDSE, KindSchema, KindBind, KindOther,
	}
}

// Record is one operation of a client and what the proxy did for it. Once
// published it is immutable, slices included: sinks share it and may keep it.
//
// Strings that come from the client are unbounded and may hold any byte; whoever
// prints them passes them through [Clip].
type Record struct {
	Time time.Time // when the request was complete
	ID   uint64    // counts up from 1, per process
	Conn uint64    // number of the client's connection, per process

	ClientAddr string // host:port; behind a PROXY protocol the client's own
	ClientKind string
	BindDN     string // identity of the session; of a bind, the DN it asks for; "" is anonymous

	Op        string
	Kind      string
	Base      string // base of a search, entry of a compare or of a write
	Scope     string // base, one or sub; "" when the operation has none
	Filter    string // RFC 4515 text, complete; of a compare, its assertion
	Attrs     []string
	Controls  []string // OIDs
	SizeLimit int      // as the client asked; 0: none
	TimeLimit int      // seconds, as the client asked; 0: none
	Name      string   // OID of an extended operation, attribute of a compare

	Upstream UpstreamPart

	Bridged bool     // translated between the two group vocabularies
	Mode    string   // off, posix or merge
	Rules   []string // short stable names of the rules that applied: "member-dn"
	Hints   []string // what the administrator should look at: "name" or "name: free text"; see HintName

	Cache string

	Entries    int    // entries sent to the client
	Bytes      int64  // bytes sent to the client
	Result     int    // LDAP result code sent to the client, or NoResult
	ResultName string // its name in RFC 4511, such as noSuchObject
	Diagnostic string // its diagnostic message

	Total time.Duration // from the complete request to the last byte of the answer
	Queue time.Duration // of Total: waiting for an upstream connection
}

// size estimates the memory of a record in bytes, where a client can drive it up.
func (r *Record) size() int64 {
	const fixed = 600
	n := fixed + len(r.BindDN) + len(r.Base) + len(r.Filter) + len(r.Name) + len(r.Diagnostic) +
		len(r.Upstream.Base) + len(r.Upstream.Filter)
	for _, list := range [...][]string{r.Attrs, r.Controls, r.Upstream.Attrs} {
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	return int64(n)
}

// UpstreamPart is what was asked upstream for a lookup. It is zero when nothing
// was: an answer of the proxy's own, a cache hit, a refusal.
type UpstreamPart struct {
	Server   string // URL, such as ldaps://host:636
	Base     string // after translation
	Filter   string // after translation, RFC 4515 text
	Attrs    []string
	Duration time.Duration // from the request written to the result read
	Reused   bool          // over a connection that was open and bound already
}

// IsZero reports whether nothing was asked upstream.
func (u *UpstreamPart) IsZero() bool {
	return u.Server == "" && u.Base == "" && u.Filter == "" && u.Attrs == nil && u.Duration == 0 && !u.Reused
}

// Sink receives finished records. Write is called by one goroutine at a time
// and may take long or block; it then loses records, and nothing else.
type Sink interface {
	Name() string // short and stable: a metric label
	Write(*Record)
}
