package rewrite

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// planAttributes chooses what to request so that the view's attributes can be
// made and, where needed, the entry told apart and evaluated again.
func (r *Rules) planAttributes(p *Plan, req *ldap.SearchRequest) {
	var extra []string
	if p.original != nil {
		extra = r.needed(p.original, extra)
	}
	extra = r.view.extra(p, extra)
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
		case name == ldap.NoAttributes:
		case typ == ldap.EntryUUID && r.cfg.StableUUID:
			p.fire(RuleStableUUID)
			if !p.confined {
				names = addName(names, name)
			}
		default:
			names = r.view.request(p, names, name, typ, options)
		}
	}
	for _, name := range extra {
		names = addName(names, name)
	}
	if len(names) == 0 {
		names = []string{ldap.NoAttributes} // an empty list would be all
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

// needed collects the attributes that evaluating f needs.
func (r *Rules) needed(f *ldap.Filter, list []string) []string {
	for i := range f.Children {
		list = r.needed(&f.Children[i], list)
	}
	switch typ, _ := ldap.AttributeTypeOf(f.Attr); {
	case f.Kind == ldap.FilterExtensible && f.Attr == "":
		return addName(list, ldap.AllUserAttributes)
	case f.Attr == "", typ == ldap.EntryUUID && r.cfg.StableUUID:
		return list
	}
	return r.view.needed(r, list, f)
}

// wants tells whether the client gets the user attribute when an entry has it.
func (p *Plan) wants(name string) bool { return p.selection.All() || p.selection.Named(name) }

// wantsAnyOf is wants for a type with whatever options.
func (p *Plan) wantsAnyOf(typ ldap.AttributeType) bool {
	return p.selection.All() || slices.ContainsFunc(p.selection.Names(), func(name string) bool {
		t, _ := ldap.AttributeTypeOf(name)
		return t == typ
	})
}
