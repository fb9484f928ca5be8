package rewrite

import "jamf-ldap-proxy/internal/ldap"

// Step is one thing that was done to a filter on the way upstream.
type Step struct {
	Rule          string // "" for an approximation
	Before, After string // RFC 4515 text of the part concerned
}

// Steps is how a plan came about. It is kept by Explain only: the texts cost
// more than the plan.
type Steps struct {
	Rewrites []Step // in the order of the filter
	// Widened are the parts that could only be approximated, with what is asked
	// instead; see RuleWidened.
	Widened []Step
	// Reevaluated is the filter that is checked again on each entry, "" when the
	// translation is exact.
	Reevaluated string
}

func (s *Steps) rewrote(rule string, before, after *ldap.Filter) {
	if s != nil {
		s.Rewrites = append(s.Rewrites, Step{rule, before.String(), after.String()})
	}
}

func (s *Steps) approximated(before, after *ldap.Filter) {
	if s != nil {
		s.Widened = append(s.Widened, Step{"", before.String(), after.String()})
	}
}

// Explain is Search that also tells how it came to its plan. It is the very
// same code: nothing here could say something else than what is done.
func (r *Rules) Explain(req *ldap.SearchRequest) (*Plan, *Steps) {
	steps := &Steps{}
	p := r.search(req, steps)
	steps.finish(p)
	return p, steps
}

// ExplainCompare is Compare in the same way.
func (r *Rules) ExplainCompare(req *ldap.CompareRequest) (*ComparePlan, *Steps) {
	steps := &Steps{}
	c := r.compare(req, steps)
	if c.Search != nil {
		steps.finish(c.Search)
	}
	return c, steps
}

func (s *Steps) finish(p *Plan) {
	if p.original != nil {
		s.Reevaluated = p.original.String()
	}
}
