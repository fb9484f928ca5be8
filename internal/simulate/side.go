package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

// shapePatience is how long one shape may take.
const shapePatience = 30 * time.Second

var noAttributes = []string{ldap.NoAttributes}

// side is the directory or the proxy while all shapes are put to it. What needs no
// connection of its own shares one that is bound as Jamf's account.
type side struct {
	jamf     *Jamf
	password secret.Password // of the sample's user
	sample   sample
	uuid     string          // of the sample's group, as this side has it
	ctx      context.Context // of the shape that is being asked
	shared   *session
}

func (s *side) close() {
	if s.shared != nil {
		s.shared.unbind()
		s.shared.close()
		s.shared = nil
	}
}

// askAll asks every shape, one after the other.
func (s *side) askAll(ctx context.Context) []ShapeAnswer {
	answers := make([]ShapeAnswer, len(shapes))
	for i, shape := range shapes {
		var cancel context.CancelFunc
		s.ctx, cancel = context.WithTimeout(ctx, shapePatience)
		answers[i] = shape.ask(s)
		cancel()
	}
	return answers
}

// connect opens a connection that ends with the shape.
func (s *side) connect() (*session, error) {
	conn, err := s.jamf.Dial(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return newSession(s.ctx, conn, s.m(), ""), nil
}

// apart asks on a connection of its own, on which nobody has bound.
func (s *side) apart(ask func(*session) ShapeAnswer) ShapeAnswer {
	own, err := s.connect()
	if err != nil {
		return unanswered(err)
	}
	defer own.close()
	a := ask(own)
	own.unbind()
	return a
}

// bound asks on the shared connection.
func (s *side) bound(ask func(*session) ShapeAnswer) ShapeAnswer {
	shared, err := s.share()
	if err != nil {
		return unanswered(err)
	}
	stop := context.AfterFunc(s.ctx, func() { _ = shared.raw.Close() })
	a := ask(shared)
	if !stop() || a.broken {
		shared.close()
		s.shared = nil
	}
	return a
}

// share returns the shared connection, and binds a new one when there is none. It
// outlives the shape.
func (s *side) share() (*session, error) {
	if s.shared != nil {
		return s.shared, nil
	}
	own, err := s.connect()
	if err != nil {
		return nil, err
	}
	if !own.release() {
		own.close()
		return nil, context.Cause(s.ctx)
	}
	step, err := own.requestBind(s.jamf.Account)
	if err == nil && step.Result != 0 {
		err = fmt.Errorf("binding as %s: %s", clip(s.jamf.Account.DN), step.said())
	}
	if err != nil {
		own.close()
		return nil, err
	}
	s.shared = own
	return own, nil
}

// find searches for the sample.
func (s *side) find(p *Place, attrs []string, assertions ...string) (found []*goldap.Entry, err error) {
	a := s.bound(func(own *session) ShapeAnswer {
		var step Step
		found, step, err = own.requestSearch(p.SearchBase, p.scope(), p.filter(assertions...), attrs)
		if err == nil && step.Result != 0 && step.Result != goldap.LDAPResultSizeLimitExceeded {
			err = fmt.Errorf("searching below %s: %s", clip(p.SearchBase), step.said())
		}
		return told(step, err, true)
	})
	if err == nil && a.err != nil {
		err = a.err
	}
	return found, err
}

func (s *side) user(w want, assertions ...string) ShapeAnswer {
	return s.in(&s.m().Users.Place, s.sample.userDN, w, assertions...)
}

func (s *side) group(w want, assertions ...string) ShapeAnswer {
	return s.in(&s.m().Groups.Place, s.sample.groupDN, w, assertions...)
}

// in searches in a place, and looks for the entry with the DN.
func (s *side) in(p *Place, dn string, w want, assertions ...string) ShapeAnswer {
	return s.search(p.SearchBase, p.scope(), p.filter(assertions...), s.attributes(), dn, w)
}

// attributes are what Jamf asks for when it looks for users or groups.
func (s *side) attributes() []string {
	return attributes(append(s.m().Users.fields(), s.m().Groups.fields()...), s.m().memberAttribute())
}

// anywhere wants an answer, whatever is in it.
func (s *side) anywhere(filter string) ShapeAnswer {
	p := &s.m().Groups.Place
	return s.search(p.SearchBase, p.scope(), filter, s.attributes(), "", whatever)
}

// read reads one entry.
func (s *side) read(dn, filter string, attrs []string, w want) ShapeAnswer {
	return s.search(dn, goldap.ScopeBaseObject, filter, attrs, dn, w)
}

func (s *side) search(base string, scope int, filter string, attrs []string, dn string, w want) ShapeAnswer {
	return s.bound(func(own *session) ShapeAnswer {
		found, step, err := own.requestSearch(base, scope, filter, attrs)
		there := false
		for _, e := range found {
			there = there || sameDN(e.DN, dn)
		}
		// Of a large directory the first hundred entries will do.
		ended := step.Result == 0 || step.Result == goldap.LDAPResultSizeLimitExceeded && len(found) > 0
		return told(step, err, ended && w(len(found), there))
	})
}

func (s *side) compare(attribute, value string) ShapeAnswer {
	return s.bound(func(own *session) ShapeAnswer {
		step, err := own.requestCompare(s.sample.groupDN, attribute, value)
		wanted := ldap.CompareFalse
		if s.sample.member {
			wanted = ldap.CompareTrue
		}
		return told(step, err, ldap.ResultCode(step.Result) == wanted)
	})
}

// bind binds on a connection of its own.
func (s *side) bind(a Account, good func(code int) bool) ShapeAnswer {
	return s.apart(func(own *session) ShapeAnswer {
		step, err := own.requestBind(a)
		return told(step, err, good(step.Result))
	})
}

// told makes an answer of a step.
func told(step Step, err error, good bool) ShapeAnswer {
	a := ShapeAnswer{Filter: step.Filter, Said: step.said(), Good: good && err == nil, err: err, broken: step.Result == NoResult}
	switch code := ldap.ResultCode(step.Result); {
	case err != nil && !a.broken:
		// It was answered; the caller has something against the answer.
	case err != nil:
		return unanswered(err)
	case code == ldap.CompareTrue:
		a.Said = "yes"
	case code == ldap.CompareFalse:
		a.Said = "no"
	case step.Op == "search" && code == ldap.Success:
		a.Said = entries(step.Entries)
	case step.Op == "search" && code == ldap.SizeLimitExceeded && step.Entries > 0:
		a.Said = entries(step.Entries) + " and more"
	}
	return a
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func unanswered(err error) ShapeAnswer {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", shapePatience)
	}
	return ShapeAnswer{Said: clip(err.Error()), err: err, broken: true}
}

func skip(why string) ShapeAnswer { return ShapeAnswer{Skipped: why} }
