// Package replay asks two servers again what was asked once, and compares their
// answers by their meaning: the directory and the proxy, or two versions of the
// proxy.
//
// It only reads. A question is a search or a compare; everything else that was
// recorded is passed over, and so is what was not recorded whole. Both servers are
// asked as one user, whose bind is the only one that is ever made.
package replay

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// Question is a search or a compare.
type Question struct {
	Op        string   `json:"op"` // search or compare
	Base      string   `json:"base"`
	Scope     string   `json:"scope,omitempty"` // base, one, sub or children
	Filter    string   `json:"filter"`          // of a compare: its assertion
	Attrs     []string `json:"attrs,omitempty"`
	SizeLimit int      `json:"size_limit,omitempty"`
	TimeLimit int      `json:"time_limit,omitempty"` // seconds

	attr, value string // of a compare
	isJava      bool   // asked by JNDI, with what it attaches
}

// Reason is why a recorded lookup is not repeated.
type Reason string

// The reasons.
const (
	NoQuestion Reason = "no-question"
	Cut        Reason = "cut"
	Masked     Reason = "masked"
	Hashed     Reason = "hashed"
	Unreadable Reason = "unreadable"
	Repeated   Reason = "repeated"
)

var reasonTexts = map[Reason]string{
	NoQuestion: "neither a search nor a compare",
	Cut:        "recorded in part, because it is very long",
	Masked:     "a value is masked (log.masked_attributes)",
	Hashed:     "values are hashed (log.privacy)",
	Unreadable: "the filter cannot be read",
	Repeated:   "the same as one before",
}

// Text is the reason in words.
func (r Reason) Text() string { return reasonTexts[r] }

// Marks that recorded texts bear.
var (
	maskMark = regexp.MustCompile(`=\*\*\*\)`)
	hashMark = regexp.MustCompile(`(^|[=*])h:[0-9a-f]{12}([,+;*)]|$)`)
)

const cutMark = "…"

// scopes are those of RFC 4511, as records name them.
var scopes = map[string]int{"base": goldap.ScopeBaseObject, "one": goldap.ScopeSingleLevel, "sub": goldap.ScopeWholeSubtree, "children": goldap.ScopeChildren}

// QuestionOf is the question of a recorded lookup. It is nil, with the reason, when
// there is none that can be repeated.
func QuestionOf(r *lookup.Record) (*Question, Reason) {
	if r.Op != lookup.OpSearch && r.Op != lookup.OpCompare {
		return nil, NoQuestion
	}
	for _, text := range append([]string{r.Base, r.Filter, r.Name}, r.Attrs...) {
		switch {
		case strings.HasSuffix(text, cutMark), strings.HasPrefix(text, cutMark):
			return nil, Cut
		case hashMark.MatchString(text):
			return nil, Hashed
		}
	}
	if maskMark.MatchString(r.Filter) {
		return nil, Masked
	}
	q := &Question{
		Op: r.Op, Base: r.Base, Scope: r.Scope, Filter: r.Filter, Attrs: r.Attrs, SizeLimit: r.SizeLimit, TimeLimit: r.TimeLimit,
		isJava: slices.Contains(r.Controls, ldap.OIDManageDsaIT),
	}
	if !q.readFilter() {
		return nil, Unreadable
	}
	return q, ""
}

// readFilter tells whether the filter is one, and takes an assertion apart.
func (q *Question) readFilter() bool {
	packet, err := goldap.CompileFilter(q.Filter)
	if err != nil {
		return false
	}
	if q.Op == lookup.OpSearch {
		_, known := scopes[q.Scope]
		return known
	}
	if packet.Tag != goldap.FilterEqualityMatch || len(packet.Children) != 2 {
		return false
	}
	q.attr, q.value = packet.Children[0].Data.String(), packet.Children[1].Data.String()
	return q.attr != ""
}

// key is equal for questions that have the same answer.
func (q *Question) key() string {
	attrs := make([]string, len(q.Attrs))
	for i, a := range q.Attrs {
		attrs[i] = strings.ToLower(a)
	}
	slices.Sort(attrs)
	return fmt.Sprintf("%q %q %q %q %q %d", q.Op, q.Base, q.Scope, q.Filter, attrs, q.SizeLimit)
}

// String is the question on one line.
func (q *Question) String() string {
	if q.Op == lookup.OpCompare {
		return fmt.Sprintf("compare %s in %s", clip(q.Filter), clip(q.Base))
	}
	return fmt.Sprintf("search %s %s at %s", q.Scope, clip(q.Filter), clip(q.Base))
}

// maxText bounds a text in a report, in bytes.
const maxText = 1000

func clip(s string) string { return lookup.Clip(s, maxText) }
