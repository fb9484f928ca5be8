package config

import (
	"strings"

	"jamf-ldap-proxy/proxy"
)

func (l *loader) validateGuards() {
	g := &l.cfg.Guards
	for i, base := range g.Bases {
		if !isGuardedDN(base) {
			l.mistake(item("guards.bases", i), base, "is not a DN", "write the DN of what may be searched, such as "+l.exampleBase())
		}
	}
	for i, dn := range g.BindDNs {
		if base, _ := proxy.CutBindPattern(dn); !isGuardedDN(base) {
			l.mistake(item("guards.bind_dns", i), dn, `is neither a DN nor "*," before one`,
				"write the whole DN that Jamf binds as, such as uid=NAME,"+l.exampleBase()+", or *,"+l.exampleBase()+" for all users")
		}
	}
	if len(g.Bases) > 0 && isDN(l.cfg.Upstream.Base) {
		l.warnOfGuardedBase()
	}
}

// isGuardedDN asks the code that will hold clients' DNs against this one, too.
func isGuardedDN(text string) bool {
	_, err := proxy.NewGuards(proxy.GuardsConfig{Bases: []string{text}})
	return err == nil && isDN(text)
}

// warnOfGuardedBase says when the place of the users is not open: every lookup
// would be refused.
func (l *loader) warnOfGuardedBase() {
	if g, err := proxy.NewGuards(l.cfg.Guards); err == nil && !g.Opens(l.cfg.Upstream.Base) {
		l.warn("guards.bases does not have upstream.base, so searches of all users and groups are refused; try: add %s to it", strings.TrimSpace(l.cfg.Upstream.Base))
	}
}
