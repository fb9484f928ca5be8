package upstream

import (
	"container/list"
	"slices"
	"time"
)

// How many connections wait for their identity to come back. Jamf binds as one
// service account, from many connections at once, and, for a moment each, as
// the users who log in. Too few for the service account would mean a dial and
// a bind for nearly every lookup of a burst; the total bounds what the users
// leave behind.
const (
	maxIdlePerIdentity = 64
	maxIdle            = 256
)

// idleSet holds the connections that nobody uses. It only keeps order; its
// owner locks, and closes what falls out.
type idleSet struct {
	byAge list.List // of *link, longest idle first
	byKey map[identityKey][]*list.Element
}

// put adds l and returns the connection that had to make room, if any.
func (s *idleSet) put(l *link, now time.Time) (displaced *link) {
	switch same := s.byKey[l.owner]; {
	case len(same) >= maxIdlePerIdentity:
		displaced = s.remove(same[0])
	case s.byAge.Len() >= maxIdle:
		displaced = s.remove(s.byAge.Front())
	}
	if s.byKey == nil {
		s.byKey = make(map[identityKey][]*list.Element)
	}
	l.idleSince = now
	s.byKey[l.owner] = append(s.byKey[l.owner], s.byAge.PushBack(l))
	return displaced
}

// take removes and returns the connection of key that became idle last, the
// one most likely to be alive; nil when there is none.
func (s *idleSet) take(key identityKey) *link {
	same := s.byKey[key]
	if len(same) == 0 {
		return nil
	}
	return s.remove(same[len(same)-1])
}

// oldest removes and returns what has been idle for longest; nil when there is
// nothing.
func (s *idleSet) oldest() *link {
	if e := s.byAge.Front(); e != nil {
		return s.remove(e)
	}
	return nil
}

// takeIf removes and returns what the condition holds for, longest idle first.
func (s *idleSet) takeIf(condition func(*link) bool) (taken []*link) {
	for e := s.byAge.Front(); e != nil; {
		next := e.Next()
		if condition(e.Value.(*link)) {
			taken = append(taken, s.remove(e))
		}
		e = next
	}
	return taken
}

// drain removes and returns everything.
func (s *idleSet) drain() []*link {
	return s.takeIf(func(*link) bool { return true })
}

func (s *idleSet) remove(e *list.Element) *link {
	l := s.byAge.Remove(e).(*link)
	same := s.byKey[l.owner]
	i := slices.Index(same, e)
	if same = slices.Delete(same, i, i+1); len(same) == 0 {
		delete(s.byKey, l.owner)
	} else {
		s.byKey[l.owner] = same
	}
	return l
}
