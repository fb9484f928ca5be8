package lookup

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query says which lookups somebody wants to see. The zero value selects all;
// conditions add up.
type Query struct {
	User   string // name, case does not matter, * stands for anything
	Group  string // the same
	Kind   string // one of Kinds
	Op     string // one of Ops, QuestionOps or AnyOp
	Result string // an Outcome, or a result by its name or number
	Hint   string // name of a hint, or "any"
	Rule   string // name of a rule
	Shape  string
	Client string        // address, with or without a port
	Text   string        // words that are each part of something a person reads, case does not matter
	Slow   time.Duration // took at least this long
	Conn   uint64        // number of the client's connection

	Since, Until time.Time // the zero time is no bound
}

// AnyHint is the [Query.Hint] of every lookup that has one.
const AnyHint = "any"

// Values of [Query.Op] that stand for several operations.
const (
	QuestionOps = "question" // all but unbind and abandon, which ask nothing
	AnyOp       = "any"      // for lists that show questions unless told otherwise
)

// Match reports whether the query selects r.
func (q *Query) Match(r *Record) bool {
	if !q.matchFixed(r) || !q.matchNames(r) {
		return false
	}
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !contains(r, word) {
			return false
		}
	}
	return true
}

// matchFixed looks at what costs nothing to look at.
func (q *Query) matchFixed(r *Record) bool {
	switch {
	case q.Kind != "" && r.Kind != q.Kind,
		!isOp(r, q.Op),
		q.Conn != 0 && r.Conn != q.Conn,
		r.Total < q.Slow,
		!q.Since.IsZero() && r.Time.Before(q.Since),
		!q.Until.IsZero() && r.Time.After(q.Until):
		return false
	}
	return true
}

func isOp(r *Record, want string) bool {
	switch want {
	case "", AnyOp:
		return true
	case QuestionOps:
		return r.Op != OpUnbind && r.Op != OpAbandon
	}
	return r.Op == want
}

func (q *Query) matchNames(r *Record) bool {
	switch {
	case q.Result != "" && !isResult(r, q.Result),
		q.Hint != "" && !hasHint(r.Hints, q.Hint),
		q.Rule != "" && !hasName(r.Rules, q.Rule),
		q.Client != "" && !isClient(r.ClientAddr, q.Client),
		q.User != "" && !Glob(q.User, r.User()),
		q.Group != "" && !Glob(q.Group, r.Group()),
		q.Shape != "" && r.Shape() != q.Shape:
		return false
	}
	return true
}

func isResult(r *Record, want string) bool {
	if n, err := strconv.Atoi(want); err == nil {
		return r.Result == n
	}
	return strings.EqualFold(want, string(r.Outcome())) || strings.EqualFold(want, r.ResultName)
}

func hasHint(hints []string, want string) bool {
	if strings.EqualFold(want, AnyHint) {
		return len(hints) > 0
	}
	return slices.ContainsFunc(hints, func(hint string) bool { return strings.EqualFold(HintName(hint), want) })
}

func hasName(names []string, want string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, want) })
}

func isClient(addr, want string) bool {
	return addr == want || strings.HasPrefix(addr, want+":") || strings.HasPrefix(addr, "["+want+"]:")
}

// contains reports whether text, in lower case, is part of something in r that a
// person reads.
func contains(r *Record, text string) bool {
	for _, s := range []string{
		r.Filter, r.Upstream.Filter, r.Base, r.Upstream.Base, r.BindDN, r.Op, r.Kind, r.ResultName, r.Diagnostic,
		r.ClientAddr, r.ClientKind, r.Cache, r.Name, r.User(), r.Group(),
	} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	for _, names := range [][]string{r.Attrs, r.Rules, r.Hints} {
		for _, s := range names {
			if strings.Contains(strings.ToLower(s), text) {
				return true
			}
		}
	}
	return false
}

// Glob reports whether s is what pattern describes: the same without regard to
// case, where each * of the pattern stands for any text.
func Glob(pattern, s string) bool {
	pieces := strings.Split(strings.ToLower(pattern), "*")
	s = strings.ToLower(s)
	if len(pieces) == 1 {
		return s == pieces[0]
	}
	s, found := strings.CutPrefix(s, pieces[0])
	if !found {
		return false
	}
	last := len(pieces) - 1
	for _, piece := range pieces[1:last] {
		i := strings.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return strings.HasSuffix(s, pieces[last])
}
