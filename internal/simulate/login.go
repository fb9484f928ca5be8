package simulate

import (
	"context"
	"fmt"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

// Login logs a user in, as enrolment and Self Service do: the user is looked up by
// the whole name, and the DN that is found is bound with the password, on a
// connection of its own. Errors are as with User.
func (j *Jamf) Login(ctx context.Context, name string, password secret.Password) (*Answer, error) {
	return j.ask(ctx, QuestionLogin, func(s *session) error {
		users, err := s.users(name, false)
		if err != nil || len(users) == 0 {
			return err
		}
		return j.login(s, Account{DN: users[0].DN, Password: password})
	})
}

// login binds as the user and notes the outcome in the answer of s.
func (j *Jamf) login(s *session, user Account) error {
	conn, err := j.Dial(s.ctx)
	if err != nil {
		return fmt.Errorf("connecting for the login: %w", err)
	}
	own := newSession(s.ctx, conn, s.mappings, QuestionLogin)
	defer own.close()
	own.answer, own.binds = s.answer, loginMeanings
	step, err := own.requestBind(user)
	if err != nil {
		return err
	}
	accepted := ldap.ResultCode(step.Result) == ldap.Success
	s.answer.Login = &Login{DN: clip(user.DN), Accepted: accepted}
	own.tellSlowBind(step)
	if accepted {
		own.unbind()
	}
	return own.refused(step)
}
