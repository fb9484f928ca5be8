package proxy

import (
	"slices"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// compare asks upstream as the plan says: by a compare, or by the base search
// that is the same question.
func (o *operation) compare() error {
	req, err := ldap.DecodeCompareRequest(o.body)
	if err != nil {
		return err
	}
	o.recordCompare(&req)
	controls, err := o.clientControls()
	if err != nil {
		return err
	}
	if err := o.guardCompare(&req); err != nil {
		return err
	}
	plan := o.planCompare(&req)
	translated := plan.Bridged || plan.Search != nil
	if translated {
		if err := refuseCritical(controls, isManageDsaIT); err != nil {
			return err
		}
	}
	if plan.Compare == nil {
		return o.compareBySearch(plan)
	}
	return o.compareByCompare(plan)
}

func (o *operation) planCompare(req *ldap.CompareRequest) *rewrite.ComparePlan {
	var (
		mode rewrite.Mode
		plan *rewrite.ComparePlan
	)
	if o.withGIDs(func(r *rewrite.Rules) []string {
		mode, plan = r.Mode(), r.Compare(req)
		return plan.UnknownGIDs()
	}) {
		plan.Rules = append(plan.Rules, rewrite.RuleGroupIDRead)
	}
	o.recordPlan(mode, plan.Bridged, plan.Rules, plan.Hints)
	return plan
}

func (o *operation) compareByCompare(plan *rewrite.ComparePlan) error {
	wire := getBuffer()
	defer putBuffer(wire)
	if plan.Changed {
		*wire = ldap.AppendCompareRequest(*wire, plan.Compare)
	} else {
		*wire = append(*wire, o.body...)
	}
	split := len(*wire)
	if !plan.Bridged {
		*wire = append(*wire, o.controls...)
	}
	f := ldap.Equal(plan.Compare.Attr, plan.Compare.Value)
	o.rec.Upstream.Base, o.rec.Upstream.Filter = own(plan.Compare.DN, o.body), o.filterText(&f)
	m, err := o.ask(ldap.OpCompareRequest, (*wire)[:split], orNil((*wire)[split:]))
	for err == nil && m.Op != ldap.OpCompareResponse {
		m, err = o.lease.Receive(o.ctx) // an intermediate response
	}
	if err != nil {
		return err
	}
	if plan.Search != nil && codeOf(&m) == ldap.NoSuchObject {
		return o.compareBySearch(plan)
	}
	return o.finishCompare(plan, &m, false)
}

// compareBySearch asks the base search that the compare is, and, like a
// search, its fallback when the base is absent.
func (o *operation) compareBySearch(plan *rewrite.ComparePlan) error {
	m, matched, err := o.askWhether(plan.Search, &plan.Search.Request)
	if err == nil && plan.Search.Fallback != nil && !matched && codeOf(&m) == ldap.NoSuchObject {
		m, matched, err = o.askWhether(plan.Search, plan.Search.Fallback)
	}
	if err != nil {
		return err
	}
	if o.rec.Cache == lookup.CacheStale {
		o.rec.Hints = append(slices.Clip(o.rec.Hints), rewrite.HintStaleAnswer)
	}
	return o.finishCompare(plan, &m, matched)
}

// askWhether asks one search and tells whether an entry of its answer has a
// place in the plan's, and upstream's result.
func (o *operation) askWhether(plan *rewrite.Plan, req *ldap.SearchRequest) (m ldap.Message, matched bool, err error) {
	got, err := o.fetchWhether(req)
	if err != nil {
		return m, false, err
	}
	for m, err = got.next(o); err == nil && m.Op != ldap.OpSearchResultDone; m, err = got.next(o) {
		if m.Op == ldap.OpSearchResultEntry {
			kept, failed := keeps(plan, &m)
			if failed != nil {
				return m, false, o.breakOff(&got)
			}
			matched = matched || kept
		}
	}
	return m, matched, err
}

// fetchWhether asks for the answer to one search, or has it already.
func (o *operation) fetchWhether(req *ldap.SearchRequest) (fetched, error) {
	ask := func() (ldap.Message, error) {
		wire := getBuffer()
		defer putBuffer(wire)
		*wire = ldap.AppendSearchRequest(*wire, req)
		o.recordAsked(req, true)
		return o.ask(ldap.OpSearchRequest, *wire, nil)
	}
	if o.cfg.Cache == nil {
		m, err := ask()
		return fetched{live: true, first: m}, err
	}
	return o.fetch(cache.KeyOf(o.identity.Key(), req, nil), ask)
}

// keeps tells whether an entry has a place in the plan's answer.
func keeps(plan *rewrite.Plan, m *ldap.Message) (bool, error) {
	if !plan.Bridged {
		return true, nil
	}
	view := getBuffer()
	defer putBuffer(view)
	out, kept, err := plan.AppendEntry(*view, m.ID, m.Body, m.Controls)
	*view = out
	return kept, err
}

func (o *operation) finishCompare(plan *rewrite.ComparePlan, m *ldap.Message, matched bool) error {
	o.recordAnswered()
	res, rest, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return errBroken
	}
	if err := passable(&res); err != nil {
		return err
	}
	if !plan.Bridged && plan.Search == nil && len(rest) == 0 {
		return o.finish(&res, func(dst []byte) []byte { return ldap.AppendEnvelope(dst, o.id, m.Tail) })
	}
	plan.Result(&res, matched)
	return o.reply(&res, nil)
}
