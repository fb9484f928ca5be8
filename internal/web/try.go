package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
)

// Trier connects to the proxy on behalf of somebody who tries a question on the
// page; from is his address, which the lookups then show as their client.
type Trier func(from net.Addr) simulate.Dialer

// Bounds of tries, which may be several lookups each: who may read the page must
// not be able to flood the directory with it.
const (
	longestTry = 20 * time.Second
	maxTries   = 4 // at a time
)

// tryPage is the form with the answer below it.
type tryPage struct {
	page
	tryRequest
	Wrong   string
	Answer  *simulate.Answer
	Lookups []row // that the answer took
	Tried   string
}

func (s *Server) showTry(w http.ResponseWriter, r *http.Request) {
	if s.Try == nil {
		s.missing(w, r, "Trying is switched off (web.try: false).")
		return
	}
	p := tryPage{page: s.page("Try", "/try"), tryRequest: newTryRequest(s.site().Base)}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		q, password, err := tryForm(r)
		if err == nil {
			p.tryRequest = q
			p.Answer, p.Lookups, err = s.try(r, &q, password)
		}
		if err != nil {
			p.Wrong, status = err.Error(), tryStatus(err)
		}
		p.Tried = s.Now().Local().Format("15:04:05")
	}
	name := "try"
	if r.FormValue("part") == "answer" {
		name = "tried"
	}
	s.render(w, status, name, &p)
}

func (s *Server) apiTry(w http.ResponseWriter, r *http.Request) {
	if s.Try == nil {
		s.refuse(w, http.StatusNotFound, "trying is switched off (web.try: false)")
		return
	}
	q, password, err := tryJSON(r, s.site().Base)
	var (
		answer  *simulate.Answer
		lookups []row
	)
	if err == nil {
		answer, lookups, err = s.try(r, &q, password)
	}
	if err != nil {
		s.refuse(w, tryStatus(err), err.Error())
		return
	}
	ids := make([]string, len(lookups))
	for i, l := range lookups {
		ids[i] = "/api" + l.Href
	}
	s.answer(w, http.StatusOK, map[string]any{"answer": answer, "lookups": ids})
}

var errManyTries = fmt.Errorf("%d questions are being asked already; try again in a moment", maxTries)

// tryStatus tells what is wrong with a question from what is wrong with the proxy
// at this moment.
func tryStatus(err error) int {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errManyTries), errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// try puts the question through the proxy, and returns the lookups that it took.
// The password is wiped.
func (s *Server) try(r *http.Request, q *tryRequest, password secret.Password) (*simulate.Answer, []row, error) {
	defer password.Wipe()
	if err := q.check(password); err != nil {
		return nil, nil, err
	}
	select {
	case s.tries <- struct{}{}:
		defer func() { <-s.tries }()
	default:
		return nil, nil, errManyTries
	}
	from, err := net.ResolveTCPAddr("tcp", r.RemoteAddr) // an address, so that nothing is resolved
	if err != nil {
		from = &net.TCPAddr{}
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestTry)
	defer cancel()
	started := s.Now()
	jamf := simulate.Jamf{
		Dial: s.Try(from), Account: simulate.Account{DN: q.DN, Password: password}, Mappings: q.mappings(s.site().Base),
	}
	var answer *simulate.Answer
	switch q.Question {
	case simulate.QuestionUser:
		answer, err = jamf.User(ctx, q.User)
	case simulate.QuestionGroup:
		answer, err = jamf.Group(ctx, q.Group)
	default:
		answer, err = jamf.Membership(ctx, q.User, q.Group)
	}
	if answer == nil {
		return nil, nil, err
	}
	if err != nil {
		answer.Problems = append(answer.Problems, simulate.Problem{What: "The question did not end: " + err.Error()})
	}
	return answer, s.rows(s.lookupsOf(ctx, from, started, len(answer.Steps))), nil
}

// lookupsOf returns the lookups of a try, the first one first. A record comes a
// moment behind its answer, so that some may have to be waited for.
func (s *Server) lookupsOf(ctx context.Context, from net.Addr, started time.Time, want int) []*lookup.Record {
	if s.Ring == nil {
		return nil
	}
	q := lookup.Query{Op: lookup.QuestionOps, Client: from.String(), Since: started.Truncate(time.Microsecond)}
	const look, most = 10 * time.Millisecond, 50
	var found []*lookup.Record
	for range most {
		if found = s.Ring.Select(q, 100); len(found) >= want {
			break
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
		}
	}
	slices.Reverse(found)
	return found
}
