package rewrite

import "jamf-ldap-proxy/internal/ldap"

// ComparePlan is what becomes of one compare. Compare, when set, is asked
// first; Search is asked when Compare is nil or upstream answered it with
// noSuchObject. At least one is set.
type ComparePlan struct {
	Bridged bool
	Changed bool // of Compare: as in Plan
	// Compare is asked upstream as a compare; pass its result through Result.
	Compare *ldap.CompareRequest
	// Search answers the compare by a base search, fallback included: one kept
	// entry means compareTrue, none with success means compareFalse.
	Search       *Plan
	Rules, Hints []string
}

// Compare plans a compare. A bridged one is the same question as a base search
// with the assertion as its filter, and is asked as one, so that both give the
// same answer. Only an assertion about what the view leaves alone stays a
// compare, under the group's upstream name.
func (r *Rules) Compare(req *ldap.CompareRequest) *ComparePlan { return r.compare(req, nil) }

func (r *Rules) compare(req *ldap.CompareRequest, steps *Steps) *ComparePlan {
	c := &ComparePlan{Compare: req}
	if r.cfg.Mode == ModeOff {
		return c
	}
	typ, _ := ldap.AttributeTypeOf(req.Attr)
	base := r.mapBase(req.DN)
	switch {
	case typ == r.attrType, base.bridges && r.view.makes(typ), r.comparesUUID(typ, req.DN):
		c.Compare = nil
		c.bridge(r, req, steps)
	case base.pair != nil:
		// What the view leaves alone stays a compare, so that upstream can say
		// what is wrong with the value.
		c.bridge(r, req, steps)
		c.Changed = true
		c.Compare = &ldap.CompareRequest{DN: base.mapped, Attr: req.Attr, Value: req.Value}
	case typ == ldap.MemberUID:
		c.repair(r, req, steps)
	}
	return c
}

// comparesUUID tells whether a compare is about the stable UUID of a group,
// which a group has whether it is in a pair or not.
func (r *Rules) comparesUUID(typ ldap.AttributeType, entry string) bool {
	if typ != ldap.EntryUUID || !r.cfg.StableUUID || !startsLikeCN(entry) {
		return false
	}
	dn, err := ldap.ParseDN(entry)
	if err != nil {
		return false
	}
	name, ok := r.groupName(dn)
	return ok && (r.pairs.ofLegacy(name) != nil || !r.pairs.isPosix(name))
}

// asSearch is the base search that asks the same question.
func asSearch(req *ldap.CompareRequest) *ldap.SearchRequest {
	return &ldap.SearchRequest{
		Base: req.DN, Scope: ldap.ScopeBase, Deref: 0,
		Filter: ldap.Equal(req.Attr, req.Value), Attributes: []string{ldap.NoAttributes},
	}
}

// UnknownGIDs is that of the search; see Plan.
func (c *ComparePlan) UnknownGIDs() []string {
	if c.Search == nil {
		return nil
	}
	return c.Search.UnknownGIDs
}

func (c *ComparePlan) bridge(r *Rules, req *ldap.CompareRequest, steps *Steps) {
	c.Bridged = true
	c.Search = r.bridgedSearch(asSearch(req), steps)
	c.Rules, c.Hints = c.Search.Rules, c.Search.Hints
}

// bridgedSearch plans a search that is bridged whether its filter says so or
// not.
func (r *Rules) bridgedSearch(req *ldap.SearchRequest, steps *Steps) *Plan {
	p := &Plan{rules: r, Request: *req, steps: steps}
	r.bridge(p, req, r.mapBase(req.Base))
	return p
}

// repair mends memberUid=<DN> in a compare that is otherwise posix vocabulary.
func (c *ComparePlan) repair(r *Rules, req *ldap.CompareRequest, steps *Steps) {
	uids, hints := r.repairedUIDs(req.Value)
	switch {
	case len(hints) == 0:
	case len(uids) == 1:
		c.Changed = true
		c.Compare = &ldap.CompareRequest{DN: req.DN, Attr: req.Attr, Value: uids[0]}
		c.Rules, c.Hints = []string{RuleMemberUID}, hints
	default:
		c.Compare = nil
		c.Search = r.search(asSearch(req), steps)
		c.Rules, c.Hints = c.Search.Rules, c.Search.Hints
	}
}

// Result turns an upstream result into the client's. For a bridged compare
// noSuchAttribute, undefinedAttributeType and noSuchObject become compareFalse
// (JNDI raises on them where "not a member" is meant); with Search, matched
// says whether an entry was kept, and success becomes compareTrue or
// compareFalse.
func (c *ComparePlan) Result(res *ldap.Result, matched bool) {
	if c.Search != nil {
		c.Search.Result(res)
		if res.Code == ldap.Success {
			res.Code = ldap.CompareFalse
			if matched {
				res.Code = ldap.CompareTrue
			}
		}
	}
	if !c.Bridged {
		return
	}
	switch res.Code {
	case ldap.NoSuchAttribute, ldap.UndefinedAttributeType, ldap.NoSuchObject:
		*res = ldap.Result{Code: ldap.CompareFalse}
	}
}
