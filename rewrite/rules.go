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
	view     view // nil in mode off
	pairs    *pairTable
	base     ldap.DN
	dnSuffix string             // "," and the users base as configured
	class    string             // legacy class: groupOfNames or groupOfUniqueNames
	attr     string             // legacy member attribute
	attrType ldap.AttributeType // the same as a type
	suffixes []string
	isGroup  ldap.Filter // true upstream on the entries that become the view's groups
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
		r.view = posixView{}
	case ModeMerge:
		r.view = mergeView{}
	default:
		return nil, fmt.Errorf("groups.mode: %q is not a mode; use posix, merge or off", cfg.Mode)
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
	r.isGroup = ldap.Equal("objectClass", r.view.groupClass(r))
	if r.pairs, err = newPairTable(cfg.Pairs, nil); err != nil {
		return nil, err
	}
	r.indexUUIDs(nil)
	return r, nil
}

// Mode returns the configured mode, for the lookup record.
func (r *Rules) Mode() Mode { return r.cfg.Mode }

// Search plans a search. It does not change req and shares its strings.
func (r *Rules) Search(req *ldap.SearchRequest) *Plan {
	return r.search(req, nil)
}

func (r *Rules) search(req *ldap.SearchRequest, steps *Steps) *Plan {
	p := &Plan{rules: r, Request: *req, steps: steps}
	if r.cfg.Mode == ModeOff {
		return p
	}
	if isTruncatedDN(req) {
		p.Hint(HintTruncatedGroupDN)
	}
	base := r.mapBase(req.Base)
	found := r.scan(&req.Filter)
	if found.legacy || base.bridges {
		r.bridge(p, req, base)
		return p
	}
	if found.repair {
		t := translator{rules: r, plan: p}
		p.Request.Filter = t.repair(&req.Filter)
		p.Changed = len(p.Rules) > 0
	}
	if found.posix && !p.Changed {
		p.Hint(HintPosixNative)
	}
	return p
}

// scanned says which parts of a filter concern this package.
type scanned struct {
	legacy bool // asserts the legacy class or has a leaf on the legacy member attribute
	posix  bool // asks for groups in the posix vocabulary
	repair bool // has a form that is repaired in any vocabulary
}

func (r *Rules) scan(f *ldap.Filter) (s scanned) {
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		for i := range f.Children {
			c := r.scan(&f.Children[i])
			s.legacy, s.posix, s.repair = s.legacy || c.legacy, s.posix || c.posix, s.repair || c.repair
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
		s.posix = assertsClass(f) && ldap.IsClass(f.Value, classPosixGroup)
	case ldap.MemberUID:
		s.posix = true
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
	if base.renamed {
		p.Hint(HintPosixNameAsLegacy)
	}
	if base.name != "" {
		p.asked = addOnce(p.asked, base.name)
	}
	if base.dn != nil {
		p.planBase(req, base)
	}
	p.hintAsked()
}

// planBase asks at the group's upstream name. It comes last, because the
// fallback is the whole request at the other base.
func (p *Plan) planBase(req *ldap.SearchRequest, base baseMapping) {
	p.baseDN, p.scope = base.dn, req.Scope
	if base.pair == nil || base.pair.legacyFolded == base.pair.posixFolded {
		return
	}
	fallback := p.Request
	p.Request.Base = base.mapped
	p.mappedBase, p.clientBase = base.mapped, req.Base
	p.Fallback = &fallback
	p.fire(RuleBase)
}
