package rewrite

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"jamf-ldap-proxy/internal/ldap"
)

// StableUUID is the entryUUID that groups.stable_uuid gives to the group with
// this DN: UUIDv5 (RFC 4122 section 4.3) in the namespace of X.500 names over
// the normalised DN, so that every spelling of a DN has the same, in every mode
// and on every server. The form is 8-4-4-4-12 in lower case.
func StableUUID(dn string) string {
	return uuid.NewSHA1(uuid.NameSpaceX500, appendNormalDN(nil, dn)).String()
}

// appendNormalDN appends the one spelling that stands for all equal ones: type
// names in lower case, values folded (RFC 4518), no spaces, the parts of an RDN
// sorted. What is no DN stands for itself.
func appendNormalDN(dst []byte, text string) []byte {
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return append(dst, text...)
	}
	for i, rdn := range dn {
		if i > 0 {
			dst = append(dst, ',')
		}
		parts := make([]string, len(rdn))
		for j, ava := range rdn {
			typ := strings.ToLower(ldap.AttributeName(ava.Type))
			parts[j] = typ + "=" + string(ldap.AppendDNValue(nil, ldap.FoldValue(ava.Value)))
		}
		slices.Sort(parts)
		dst = append(dst, strings.Join(parts, "+")...)
	}
	return dst
}

// indexUUIDs prepares the way back from a UUID to the group, for the groups
// whose names are known. A UUID that is not here may still be that of a group
// that came later, so that all groups have to be looked at.
func (r *Rules) indexUUIDs(d *Discovered) {
	if !r.cfg.StableUUID {
		return
	}
	t := r.pairs
	t.byUUID = make(map[string]string)
	if d != nil {
		for _, name := range slices.Concat(d.NoLegacyGroup, d.NoLinuxGroup, d.Ambiguous) {
			t.byUUID[r.uuidOf(name)] = name
		}
	}
	for _, p := range t.all {
		t.byUUID[r.uuidOf(p.legacy)] = p.legacy
	}
}

func (r *Rules) uuidOf(name string) string {
	return StableUUID("cn=" + string(ldap.AppendDNValue(nil, name)) + r.dnSuffix)
}

// stableUUID translates a leaf on entryUUID. The UUID of a group stands in no
// upstream entry: a known one is asked for by the group's name, for any other
// every group is looked at.
func (t *translator) stableUUID(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	_, options := ldap.AttributeTypeOf(f.Attr)
	switch f.Kind {
	case ldap.FilterPresent:
		if options != "" {
			return t.byKind(nil, f, confined)
		}
		return t.by(RuleStableUUID, f, t.byKind([]ldap.Filter{t.rules.isGroup}, f, confined))
	case ldap.FilterEquality, ldap.FilterApprox:
	case ldap.FilterExtensible:
		if f.Rule != "" && !isRule(f.Rule, ruleUUID) {
			return *f
		}
	default:
		return *f
	}
	switch {
	case !isUUID(f.Value):
		return *f
	case p == negative, options != "":
		return t.widen(f, t.by(RuleStableUUID, f, t.byKind(nil, f, confined)))
	}
	groups := []ldap.Filter{t.rules.isGroup}
	if name := t.rules.pairs.byUUID[strings.ToLower(f.Value)]; name != "" {
		groups = t.namesUpstream(name)
	}
	return t.widen(f, t.by(RuleStableUUID, f, t.byKind(groups, f, confined)))
}

// namesUpstream finds the group that the view shows under a name.
func (t *translator) namesUpstream(name string) []ldap.Filter {
	own := ldap.Equal("cn", name)
	if pair := t.rules.pairs.ofLegacy(name); pair != nil && t.rules.cfg.Mode == ModePosix {
		return []ldap.Filter{ldap.Equal("cn", pair.posix), own}
	}
	return []ldap.Filter{own}
}
