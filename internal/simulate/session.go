package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

// errTold ends a question whose answer says already why.
var errTold = errors.New("told in the answer")

// session is the connection of one question.
type session struct {
	ctx      context.Context
	raw      net.Conn
	conn     *goldap.Conn
	release  func() bool
	mappings *Mappings
	answer   *Answer
	binds    map[ldap.ResultCode]Problem // what results of a bind mean
}

// newSession takes conn over. The end of ctx closes it, which ends every wait.
func newSession(ctx context.Context, conn net.Conn, m *Mappings, question string) *session {
	s := &session{ctx: ctx, raw: conn, mappings: m, answer: newAnswer(question), binds: bindMeanings}
	s.conn = goldap.NewConn(&metered{Conn: conn, left: maxBytes}, false)
	s.release = context.AfterFunc(ctx, func() { _ = conn.Close() })
	s.conn.Start()
	return s
}

// close begins at the bottom: go-ldap waits for a write that is on its way.
func (s *session) close() {
	_ = s.raw.Close()
	_ = s.conn.Close()
	s.release()
}

// partingTime bounds the unbind, at a server that does not read any more.
const partingTime = time.Second

func (s *session) unbind() {
	_ = s.raw.SetWriteDeadline(time.Now().Add(partingTime))
	_ = s.conn.Unbind()
}

func (s *session) bind(a Account) error {
	step, err := s.requestBind(a)
	if err != nil {
		return err
	}
	s.tellSlowBind(step)
	return s.refused(step)
}

// requestBind binds, and leaves it to the caller what the result means.
func (s *session) requestBind(a Account) (Step, error) {
	return s.perform(Step{Op: "bind", Base: a.DN}, func(*Step) error {
		_, err := s.conn.SimpleBind(&goldap.SimpleBindRequest{
			Username: a.DN, Password: string(a.Password.Reveal()),
			AllowEmptyPassword: true, // as Java does: refusing it is the server's to do
		})
		return err
	})
}

// search returns what was found, of a cut answer what there is.
func (s *session) search(base string, scope int, filter string, attrs []string) ([]*goldap.Entry, error) {
	found, step, err := s.requestSearch(base, scope, filter, attrs)
	if err != nil {
		return nil, err
	}
	if step.Result == goldap.LDAPResultSizeLimitExceeded {
		s.tellCut(step)
		return found, nil
	}
	return found, s.refused(step)
}

// requestSearch searches, and leaves it to the caller what the result means.
func (s *session) requestSearch(base string, scope int, filter string, attrs []string) ([]*goldap.Entry, Step, error) {
	var found *goldap.SearchResult
	step := Step{Op: "search", Base: base, Scope: [...]string{"base", "one", "sub"}[scope], Filter: filter, Attributes: attrs}
	step, err := s.perform(step, func(step *Step) (err error) {
		found, err = s.conn.Search(&goldap.SearchRequest{
			BaseDN: base, Scope: scope, DerefAliases: goldap.DerefAlways, Filter: filter, Attributes: attrs,
			TimeLimit: s.timeLimit(), SizeLimit: maxEntries, EnforceSizeLimit: true,
			Controls: []goldap.Control{goldap.NewControlManageDsaIT(false)},
		})
		if found != nil {
			step.Entries, step.Diagnostic = len(found.Entries), found.DiagnosticMessage
		}
		if errors.Is(err, goldap.ErrSizeLimitExceeded) { // the server sends more than it was asked for
			err = &goldap.Error{ResultCode: goldap.LDAPResultSizeLimitExceeded, Err: errors.New("")}
		}
		return err
	})
	if err != nil || found == nil {
		return nil, step, err
	}
	return found.Entries, step, nil
}

// timeLimit is the search timeout as Java sends it, in seconds.
func (s *session) timeLimit() int {
	if s.mappings.SearchTimeout <= 0 {
		return 0
	}
	return int(s.mappings.SearchTimeout/time.Second) + 1
}

func (s *session) compare(dn, attribute, value string) (bool, error) {
	step, err := s.requestCompare(dn, attribute, value)
	if err != nil {
		return false, err
	}
	return step.Result == goldap.LDAPResultCompareTrue, s.refused(step)
}

// requestCompare compares, and leaves it to the caller what the result means.
func (s *session) requestCompare(dn, attribute, value string) (Step, error) {
	return s.perform(Step{Op: "compare", Base: dn, Filter: equal(attribute, value)}, func(step *Step) error {
		yes, err := s.conn.Compare(dn, attribute, value)
		step.Result = goldap.LDAPResultCompareFalse
		if yes {
			step.Result = goldap.LDAPResultCompareTrue
		}
		return err
	})
}

// perform makes a request and notes it. An error of it that is a result of the
// server goes into the step only.
func (s *session) perform(step Step, request func(*Step) error) (Step, error) {
	start := time.Now()
	err := request(&step)
	step.Ms = float64(time.Since(start).Microseconds()) / 1000
	var e *goldap.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.ResultCode < goldap.ErrorNetwork:
		step.Result, step.Diagnostic, err = int(e.ResultCode), e.Err.Error(), nil
	default:
		step.Result = NoResult
		if s.ctx.Err() != nil {
			err = context.Cause(s.ctx)
		}
		step.Diagnostic = err.Error()
		err = fmt.Errorf("waiting for the answer to the %s: %w", step.Op, err)
	}
	if step.Result != NoResult {
		step.ResultName = ldap.ResultCode(step.Result).String()
	}
	step.Base, step.Diagnostic = clip(step.Base), clip(step.Diagnostic)
	step.Filter = lookup.Clip(step.Filter, maxFilter)
	s.answer.Steps = append(s.answer.Steps, step)
	return step, err
}

// maxBytes bounds what a server may send in answer to one question: a hundred
// groups of ten thousand members.
const maxBytes = 64 << 20

// metered is a connection that fails when the server sends too much.
type metered struct {
	net.Conn
	left int
}

func (c *metered) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the answer has more than %d MiB", maxBytes>>20)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
