package proxy

import (
	"sync"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// Hints that only an answer gives: the request was right, and yet an
// administrator should look at something.

// largeResult is from how many entries on an answer without pages is worth a
// hint: the smallest cap that directories are known to have.
const largeResult = 500

// hintAnswer adds the hints of a finished search to its record.
func (o *operation) hintAnswer(q *query, res *ldap.Result) {
	q.plan.Answered(o.rec.Entries, res.Code)
	if q.page == nil && (o.rec.Entries >= largeResult || res.Code == ldap.SizeLimitExceeded && q.req.SizeLimit == 0) {
		q.plan.Hint(rewrite.HintUnpagedLargeResult)
	}
	if o.findsNothing(q, res) {
		q.plan.Hint(rewrite.HintNotABindDNUser)
	}
}

// findsNothing tells whether the identity seems to have no right to search at
// all: the users base, which has to exist, is absent for it, or several
// searches found nothing and none ever found something.
func (o *operation) findsNothing(q *query, res *ldap.Result) bool {
	s := o.session
	if o.identity == nil || isRootDSE(&q.req) {
		return false
	}
	switch {
	case o.rec.Entries > 0:
		if !s.finds.Swap(true) {
			s.server.sightings.found(o.identity.DN())
		}
	case res.Code == ldap.NoSuchObject:
		return o.atUsersBase(q.req.Base) && !s.server.sightings.sees(o.identity.DN())
	case res.Code == ldap.Success:
		return s.server.sightings.foundNothing(o.identity.DN()) >= emptyAnswers
	}
	return false
}

// atUsersBase tells whether base is upstream.base or above it.
func (o *operation) atUsersBase(base string) bool {
	users, err := ldap.ParseDN(o.cfg.NamingContext)
	if err != nil || len(users) == 0 {
		return false
	}
	dn, err := ldap.ParseDN(base)
	return err == nil && len(dn) > 0 && users.Below(dn)
}

// emptyAnswers is after how many searches without any entry an identity is
// taken for one that may not search.
const emptyAnswers = 3

// sightings remembers, by DN, who has ever found an entry; of those who have
// not, how often they found nothing.
type sightings struct {
	mu    sync.Mutex
	empty map[string]int // found counts as -1
}

const hasFound = -1

func (s *sightings) found(dn string) { s.note(dn, func(int) int { return hasFound }) }

func (s *sightings) sees(dn string) bool {
	return s.note(dn, func(n int) int { return n }) == hasFound
}

// foundNothing counts an empty answer.
func (s *sightings) foundNothing(dn string) int {
	return s.note(dn, func(n int) int {
		if n == hasFound {
			return n
		}
		return min(n+1, emptyAnswers)
	})
}

func (s *sightings) note(dn string, change func(int) int) int {
	const bound = 4096 // forgetting only delays a hint
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty == nil || len(s.empty) >= bound {
		s.empty = make(map[string]int)
	}
	s.empty[dn] = change(s.empty[dn])
	return s.empty[dn]
}
