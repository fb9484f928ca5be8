// Package explain tells what the proxy makes of a request: the command explain
// and the page show it. It asks the rules that serve runs, by rewrite.Explain,
// and only gives their answer a form to read.
package explain

import (
	"fmt"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/ldif"
	"jamf-ldap-proxy/rewrite"
)

// Explanation is what becomes of one request, ready for JSON.
type Explanation struct {
	Mode    string  `json:"mode"`
	Bridged bool    `json:"bridged"` // answered from the view
	Changed bool    `json:"changed"` // what goes upstream differs from what came
	Request Request `json:"request"`
	// Refused is why the client is told no before any of the rest, "" when it is not:
	// the caller knows the guards.
	Refused string `json:"refused,omitempty"`
	// Rules are those that fired, in order; the parts of the filter that a rule
	// rewrote are its steps.
	Rules []Rule `json:"rules"`
	// Widened are the parts of the filter that could only be approximated, and
	// Reevaluated the filter that is checked again on each entry therefore.
	Widened     []Rewrite `json:"widened,omitempty"`
	Reevaluated string    `json:"reevaluated,omitempty"`
	// Upstream is what is asked; Fallback is asked when the base of that is
	// absent.
	Upstream Request  `json:"upstream"`
	Fallback *Request `json:"fallback,omitempty"`
	// UnknownGIDs are Linux groups whose ID serve would read first, once.
	UnknownGIDs []string `json:"unknown_gids,omitempty"`
	Entries     []Entry  `json:"entries,omitempty"`
	Hints       []Hint   `json:"hints"`
}

// Request is a search or a compare.
type Request struct {
	Op         string   `json:"op"` // search or compare
	Base       string   `json:"base"`
	Scope      string   `json:"scope,omitempty"`
	Filter     string   `json:"filter"` // of a compare: its assertion
	Attributes []string `json:"attrs,omitempty"`
	SizeLimit  int32    `json:"size_limit,omitempty"`
	TypesOnly  bool     `json:"types_only,omitempty"`
}

// Rule is a rule that fired, and why it exists.
type Rule struct {
	Name  string    `json:"rule"`
	Why   string    `json:"why"`
	Steps []Rewrite `json:"steps,omitempty"`
}

// Rewrite is a part of a filter before and after.
type Rewrite struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// Entry is a sample entry as upstream has it and as the client gets it.
type Entry struct {
	Before string `json:"before"`          // LDIF
	After  string `json:"after,omitempty"` // LDIF; empty when the entry is left out
	Kept   bool   `json:"kept"`            // it has a place in the answer
}

// Hint is advice for the administrator.
type Hint struct {
	ID   string `json:"hint"`
	Text string `json:"text"`
}

// Search explains a search; samples are entries as upstream would return all of
// them.
func Search(rules *rewrite.Rules, req *ldap.SearchRequest, samples []ldif.Entry) (*Explanation, error) {
	plan, steps := rules.Explain(req)
	x := &Explanation{
		Mode: string(rules.Mode()), Bridged: plan.Bridged, Changed: plan.Changed, Request: searchOf(req),
	}
	return x, x.add(plan, plan.Rules, steps, samples)
}

// Compare explains a compare.
func Compare(rules *rewrite.Rules, req *ldap.CompareRequest, samples []ldif.Entry) (*Explanation, error) {
	plan, steps := rules.ExplainCompare(req)
	x := &Explanation{
		Mode: string(rules.Mode()), Bridged: plan.Bridged, Changed: plan.Changed || plan.Compare == nil, Request: compareOf(req),
	}
	if plan.Compare == nil {
		return x, x.add(plan.Search, plan.Rules, steps, samples)
	}
	x.Upstream = compareOf(plan.Compare)
	x.addSteps(plan.Rules, steps)
	x.addHints(plan.Hints)
	return x, nil
}

// add fills in what becomes of a search.
func (x *Explanation) add(plan *rewrite.Plan, rules []string, steps *rewrite.Steps, samples []ldif.Entry) error {
	x.Upstream, x.UnknownGIDs = searchOf(&plan.Request), plan.UnknownGIDs
	if plan.Fallback != nil {
		fallback := searchOf(plan.Fallback)
		x.Fallback = &fallback
	}
	x.addSteps(rules, steps)
	for i := range samples {
		e, err := passThrough(plan, &samples[i])
		if err != nil {
			return fmt.Errorf("translating the entry at line %d: %w", samples[i].Line, err)
		}
		x.Entries = append(x.Entries, e)
	}
	x.addHints(plan.Hints)
	return nil
}

func (x *Explanation) addSteps(fired []string, steps *rewrite.Steps) {
	x.Rules = []Rule{}
	for _, name := range fired {
		rule := Rule{Name: name, Why: rewrite.RuleText[name]}
		for _, s := range steps.Rewrites {
			if s.Rule == name {
				rule.Steps = append(rule.Steps, Rewrite{s.Before, s.After})
			}
		}
		x.Rules = append(x.Rules, rule)
	}
	for _, s := range steps.Widened {
		x.Widened = append(x.Widened, Rewrite{s.Before, s.After})
	}
	x.Reevaluated = steps.Reevaluated
}

func (x *Explanation) addHints(ids []string) {
	x.Hints = []Hint{}
	for _, id := range ids {
		x.Hints = append(x.Hints, Hint{id, rewrite.HintText[id]})
	}
}

func searchOf(r *ldap.SearchRequest) Request {
	return Request{
		Op: "search", Base: r.Base, Scope: r.Scope.String(), Filter: r.Filter.String(),
		Attributes: r.Attributes, SizeLimit: r.SizeLimit, TypesOnly: r.TypesOnly,
	}
}

func compareOf(r *ldap.CompareRequest) Request {
	f := ldap.Equal(r.Attr, r.Value)
	return Request{Op: "compare", Base: r.DN, Filter: f.String()}
}
