package proxy

import (
	"sync"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// A pair without a configured Linux group ID gets it from its Linux group, read
// once, by the first lookup that needs it and with the rights of its session.

// withGIDs makes a plan, and makes it again when it turns out to need group IDs
// that can be read. plan returns the posix names of those it lacks.
func (o *operation) withGIDs(plan func(*rewrite.Rules) (unknown []string)) (read bool) {
	rules := o.cfg.Rules()
	unknown := plan(rules)
	if len(unknown) == 0 || o.lease != nil { // on a later page the first one has tried
		return false
	}
	gids := o.readGIDs(rules, unknown)
	if len(gids) == 0 {
		return false
	}
	if learn := o.cfg.LearnGIDs; learn != nil {
		learn(gids)
	}
	plan(rules.WithGIDs(gids))
	return true
}

// readGIDs asks for the Linux groups named. What goes wrong is left to the
// lookup itself, which goes to the same server: without the IDs its answer is
// as complete as it was before anybody knew them.
func (o *operation) readGIDs(rules *rewrite.Rules, names []string) map[string]int {
	if !o.session.server.gidReads.admit(o.identity.DN(), o.session.server.now()) {
		return nil
	}
	wire := getBuffer()
	defer putBuffer(wire)
	req := rules.GIDRequest(names)
	*wire = ldap.AppendSearchRequest(*wire, &req)
	gids := make(map[string]int, len(names))
	m, err := o.ask(ldap.OpSearchRequest, *wire, nil)
	for err == nil && m.Op != ldap.OpSearchResultDone {
		if m.Op == ldap.OpSearchResultEntry {
			if name, gid, failed := rules.ReadGID(m.Body); failed == nil && name != "" && gid > 0 {
				gids[name] = gid
			}
		}
		m, err = o.lease.Receive(o.ctx)
	}
	if err != nil {
		o.endLease()
		return nil
	}
	o.lease.Release()
	o.lease = nil
	return gids
}

// gidReadPause keeps a session that may not see the Linux groups, or a pair
// whose Linux group is gone, from doubling every lookup.
const gidReadPause = time.Minute

// gidReads remembers when each identity tried last.
type gidReads struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (g *gidReads) admit(dn string, now time.Time) bool {
	const bound = 1024
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.last[dn]; ok && now.Sub(last) < gidReadPause {
		return false
	}
	if g.last == nil || len(g.last) >= bound {
		g.last = make(map[string]time.Time)
	}
	g.last[dn] = now
	return true
}
