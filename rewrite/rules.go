package rewrite

import (
	"fmt"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// Rules is a compiled configuration. It is immutable and shared by all
// sessions.
type Rules struct {
	cfg      Config
	pairs    *pairTable
	base     ldap.DN
	dnSuffix string             // "," and the users base as configured
	class    string             // legacy class: groupOfNames or groupOfUniqueNames
	attr     string             // legacy member attribute
	attrType ldap.AttributeType // the same as a type
	suffixes []string
}

// Classes by their canonical names.
const (
	classPosixGroup         = "posixGroup"
	classGroupOfNames       = "groupOfNames"
	classGroupOfUniqueNames = "groupOfUniqueNames"
)

// Compile checks cfg and prepares it for planning.
func Compile(cfg Config) (*Rules, error) {
	r := &Rules{cfg: cfg, suffixes: cfg.StripSuffixes}
	switch cfg.Mode {
	case ModeOff:
		return r, nil
	case ModePosix:
	default:
		return nil, fmt.Errorf("groups.mode: %q is not a mode; use posix or off", cfg.Mode)
	}
	switch {
	case cfg.LegacyClass == "" || strings.EqualFold(cfg.LegacyClass, classGroupOfNames):
		r.class, r.attr, r.attrType = classGroupOfNames, "member", ldap.Member
	case strings.EqualFold(cfg.LegacyClass, classGroupOfUniqueNames):
		r.class, r.attr, r.attrType = classGroupOfUniqueNames, "uniqueMember", ldap.UniqueMember
	default:
		return nil, fmt.Errorf("groups.legacy_class: %q; use groupOfNames or groupOfUniqueNames", cfg.LegacyClass)
	}
	var err error
	if r.base, err = ldap.ParseDN(cfg.Base); err != nil || len(r.base) == 0 {
		return nil, fmt.Errorf("upstream.base: %q is not a distinguished name", cfg.Base)
	}
	r.dnSuffix = "," + cfg.Base
	if r.pairs, err = newPairTable(cfg.Pairs, nil); err != nil {
		return nil, err
	}
	return r, nil
}

// Mode returns the configured mode, for the lookup record.
func (r *Rules) Mode() Mode { return r.cfg.Mode }

// Search plans a search. It does not change req and shares its strings.
func (r *Rules) Search(req *ldap.SearchRequest) *Plan {
	p := &Plan{rules: r, Request: *req}
	if r.cfg.Mode == ModeOff {
		return p
	}
	base := r.mapBase(req.Base)
	found := r.scan(&req.Filter)
	if found.legacy || base.pair != nil {
		r.bridge(p, req, base)
	} else if found.repair {
		t := translator{rules: r, plan: p}
		p.Request.Filter = t.repair(&req.Filter)
		p.Changed = len(p.Rules) > 0
	}
	return p
}

// scanned says which parts of a filter concern this package.
type scanned struct {
	legacy bool // asserts the legacy class or has a leaf on the legacy member attribute
	repair bool // has a form that is repaired in any vocabulary
}

func (r *Rules) scan(f *ldap.Filter) (s scanned) {
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		for i := range f.Children {
			c := r.scan(&f.Children[i])
			s.legacy, s.repair = s.legacy || c.legacy, s.repair || c.repair
		}
		return s
	case ldap.FilterSubstrings:
		s.repair = len(f.Substrings) == 0
	}
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case r.attrType:
		s.legacy = true
	case ldap.ObjectClass:
		s.legacy = assertsClass(f) && ldap.IsClass(f.Value, r.class)
	case ldap.MemberUID:
		s.repair = s.repair || f.Kind == ldap.FilterEquality
	}
	return s
}

// assertsClass tells whether a leaf on objectClass names one class.
func assertsClass(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterEquality, ldap.FilterApprox:
		return true
	case ldap.FilterExtensible:
		return f.Rule == "" || isRule(f.Rule, ruleObjectIdentifier)
	}
	return false
}

// bridge fills the plan of a request that is answered from the view.
func (r *Rules) bridge(p *Plan, req *ldap.SearchRequest, base baseMapping) {
	p.Bridged, p.Changed = true, true
	p.selection = req.Selection()
	p.typesOnly = req.TypesOnly
	t := translator{rules: r, plan: p}
	p.confined = r.confines(&req.Filter)
	p.Request.Filter = t.translate(&req.Filter, p.confined, positive)
	if t.widened {
		p.original = &req.Filter
		p.fire(RuleWidened)
	}
	r.planAttributes(p, req)
	// What is dropped here must not count against the limit there.
	if req.SizeLimit > 0 && (p.original != nil || !p.confined || base.dn != nil) {
		p.SizeLimit, p.Request.SizeLimit = req.SizeLimit, 0
		p.fire(RuleSizeLimit)
	}
	if base.dn != nil {
		p.planBase(req, base)
	}
}

// planBase asks at the group's upstream name. It comes last, because the
// fallback is the whole request at the other base.
func (p *Plan) planBase(req *ldap.SearchRequest, base baseMapping) {
	p.baseDN, p.scope = base.dn, req.Scope
	if base.pair == nil {
		p.hint(HintPosixNameAsLegacy)
		return
	}
	if base.pair.legacyFolded == base.pair.posixFolded {
		return
	}
	fallback := p.Request
	p.Request.Base = base.mapped
	p.mappedBase, p.clientBase = base.mapped, req.Base
	p.Fallback = &fallback
	p.fire(RuleBase)
}

// planAttributes chooses what to request so that the view's attributes can be
// made and, where needed, the entry told apart and evaluated again.
func (r *Rules) planAttributes(p *Plan, req *ldap.SearchRequest) {
	var extra []string
	if !p.confined {
		extra = append(extra, "objectClass")
	}
	if p.original != nil {
		extra = append(extra, "objectClass", "cn", "memberUid")
		extra = r.attributesOf(p.original, extra)
	}
	if len(extra) > 0 {
		p.Request.TypesOnly = false // values decide; they are left out on the way back
	}
	if p.selection.All() {
		p.Request.Attributes, p.extra = withOperational(req.Attributes, extra)
		return
	}
	var names []string
	for _, name := range req.Attributes {
		typ, options := ldap.AttributeTypeOf(name)
		switch {
		case typ == r.attrType:
			names = addName(names, "memberUid"+options)
			p.fire(RuleAttributes)
		case typ == ldap.OrganizationalUnit:
			if !p.confined {
				names = addName(names, name)
			}
			names = addName(names, "cn"+options)
			p.fire(RuleAttributes)
		case name == ldap.NoAttributes && (len(extra) > 0 || len(req.Attributes) > 1):
		default:
			names = addName(names, name)
		}
	}
	for _, name := range extra {
		names = addName(names, name)
	}
	p.extra = extra
	p.Request.Attributes = names
}

// withOperational leaves a list that selects all user attributes as it is and
// adds only what this selection does not cover.
func withOperational(list, extra []string) (all, added []string) {
	for _, name := range extra {
		if isOperational(name) {
			added = append(added, name)
		}
	}
	if len(added) == 0 {
		return list, nil
	}
	all = append(all, list...)
	if len(all) == 0 {
		all = append(all, ldap.AllUserAttributes)
	}
	return append(all, added...), added
}

func addName(list []string, name string) []string {
	for _, have := range list {
		if strings.EqualFold(have, name) {
			return list
		}
	}
	return append(list, name)
}

// attributesOf collects the attributes that evaluating f needs.
func (r *Rules) attributesOf(f *ldap.Filter, list []string) []string {
	for i := range f.Children {
		list = r.attributesOf(&f.Children[i], list)
	}
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch {
	case f.Kind == ldap.FilterExtensible && f.Attr == "":
		return addName(list, ldap.AllUserAttributes)
	case f.Attr == "" || typ == r.attrType || typ == ldap.OrganizationalUnit:
		return list
	}
	return addName(list, f.Attr)
}
