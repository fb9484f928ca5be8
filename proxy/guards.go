package proxy

import (
	"fmt"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// GuardsConfig is the `guards` section: what clients may not ask for, whatever
// the directory would answer. That nothing is written has no switch.
type GuardsConfig struct {
	Bases     []string `yaml:"bases"`      // DNs at or below which may be searched; empty: all
	BindDNs   []string `yaml:"bind_dns"`   // DNs that may bind, or *,BASE for all below BASE; empty: all
	StripJava bool     `yaml:"strip_java"` // remove java* attributes and classes from entries
}

// DefaultGuards returns the guards used where the file names none.
func DefaultGuards() GuardsConfig { return GuardsConfig{StripJava: true} }

// Guards are a GuardsConfig ready for use. A nil *Guards allows everything.
type Guards struct {
	bases     []ldap.DN
	bindDNs   []ldap.DN
	bindBelow []ldap.DN
	stripJava bool
}

// NewGuards fails on a text that is no DN, and names its key.
func NewGuards(cfg GuardsConfig) (*Guards, error) {
	g := &Guards{stripJava: cfg.StripJava}
	for i, text := range cfg.Bases {
		dn, err := guardedDN(text)
		if err != nil {
			return nil, fmt.Errorf("guards.bases[%d]: %w", i, err)
		}
		g.bases = append(g.bases, dn)
	}
	for i, text := range cfg.BindDNs {
		base, isPattern := CutBindPattern(text)
		dn, err := guardedDN(base)
		switch {
		case err != nil:
			return nil, fmt.Errorf("guards.bind_dns[%d]: %w", i, err)
		case isPattern:
			g.bindBelow = append(g.bindBelow, dn)
		default:
			g.bindDNs = append(g.bindDNs, dn)
		}
	}
	return g, nil
}

// CutBindPattern returns BASE of *,BASE.
func CutBindPattern(text string) (base string, isPattern bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "*")
	rest, comma := strings.CutPrefix(strings.TrimLeft(rest, " "), ",")
	if !ok || !comma {
		return text, false
	}
	return rest, true
}

// guardedDN refuses the empty DN: everything is below it.
func guardedDN(text string) (ldap.DN, error) {
	dn, err := ldap.ParseDN(text)
	if err == nil && len(dn) == 0 {
		err = fmt.Errorf("is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("reading DN %q: %w", text, err)
	}
	return dn, nil
}

// Opens tells whether a search at base would be let through.
func (g *Guards) Opens(base string) bool { return g.allowsBase(base) }

// allowsBase holds a base or compare DN against guards.bases, as DNs. A text
// that is none is not below anything.
func (g *Guards) allowsBase(text string) bool {
	if g == nil || len(g.bases) == 0 {
		return true
	}
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return false
	}
	for _, base := range g.bases {
		if dn.Below(base) {
			return true
		}
	}
	return false
}

// allowsSearch also lets the rootDSE and the schema be read: they hold nobody's
// data, and clients read them for what the server can do.
func (g *Guards) allowsSearch(req *ldap.SearchRequest) bool {
	return isRootDSE(req) || isSubschema(req) || g.allowsBase(req.Base)
}

// allowsBind holds a DN against guards.bind_dns. The anonymous bind is not one of
// anybody.
func (g *Guards) allowsBind(text string) bool {
	if g == nil || len(g.bindDNs)+len(g.bindBelow) == 0 || text == "" {
		return true
	}
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return false
	}
	for _, one := range g.bindDNs {
		if dn.Equal(one) {
			return true
		}
	}
	for _, base := range g.bindBelow {
		if len(dn) > len(base) && dn.Below(base) {
			return true
		}
	}
	return false
}

func (g *Guards) stripsJava() bool { return g != nil && g.stripJava }

// isSubschema tells of a read that can only return the schema: of the entry that
// usually is it, or of any one of its class, RFC 4512 section 4.4.
func isSubschema(req *ldap.SearchRequest) bool {
	if req.Scope != ldap.ScopeBase {
		return false
	}
	f := &req.Filter
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	return strings.EqualFold(req.Base, "cn=subschema") ||
		f.Kind == ldap.FilterEquality && typ == ldap.ObjectClass && strings.EqualFold(f.Value, "subschema")
}

// RefusesSearch returns what a client is told of a search that is not let
// through, and "" of one that is.
func (g *Guards) RefusesSearch(req *ldap.SearchRequest) string {
	if g.allowsSearch(req) {
		return ""
	}
	return errGuardedBase.text
}

// RefusesCompare is the same for a compare.
func (g *Guards) RefusesCompare(req *ldap.CompareRequest) string {
	if g.allowsBase(req.DN) {
		return ""
	}
	return errGuardedBase.text
}

// guardSearch refuses a search outside of guards.bases. An empty answer would
// look as if there were nothing.
func (o *operation) guardSearch(req *ldap.SearchRequest) error {
	if o.cfg.Guards.allowsSearch(req) {
		return nil
	}
	return o.guarded(errGuardedBase, rewrite.HintGuardedBase)
}

func (o *operation) guardCompare(req *ldap.CompareRequest) error {
	if o.cfg.Guards.allowsBase(req.DN) {
		return nil
	}
	return o.guarded(errGuardedBase, rewrite.HintGuardedBase)
}

func (o *operation) guarded(err error, hint string) error {
	o.rec.Hints = append(o.rec.Hints, hint)
	return err
}
