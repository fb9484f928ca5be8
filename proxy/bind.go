package proxy

import (
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// bind authenticates, RFC 4511 section 4.2: outstanding operations are
// abandoned first, nothing is read until it is answered, and whatever goes
// wrong leaves the session anonymous.
func (o *operation) bind() error {
	s := o.session
	s.abandonAll()
	s.running.Wait()
	s.cursors.drop()
	s.forgetIdentity()
	s.become(binding, nil)
	defer s.settle()
	defer o.wipeRequest()

	req, err := ldap.DecodeBindRequest(o.message.Body)
	if err != nil {
		return err
	}
	o.rec.BindDN = clip(req.Name)
	controls, err := o.clientControls()
	if err != nil {
		return err
	}
	if err := o.checkBind(&req); err != nil {
		return err
	}
	if req.Name == "" {
		return o.bindAnonymous(controls)
	}
	return o.bindUpstream(&req, controls)
}

// settle ends the binding state for a bind that did not succeed.
func (s *session) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == binding {
		s.state = anonymous
	}
}

// wipeRequest overwrites the password where it was read. With requests
// pipelined behind the bind only the frame itself can be cleared now; the rest
// of the buffer is at the end of the session. The memory that crypto/tls
// decrypted into is before it is read into again.
func (o *operation) wipeRequest() {
	clear(o.message.Body)
	if f := o.session.framer; f.Buffered() == 0 {
		f.Wipe()
	}
	if b := o.session.below; b != nil {
		b.secret = true
	}
}

// checkBind refuses what never reaches upstream.
func (o *operation) checkBind(req *ldap.BindRequest) error {
	m := o.session.server.metrics
	switch {
	case req.Version != 3:
		m.BindFailed(BindFailedMethod)
		return errOnlyV3
	case !req.Simple:
		m.BindFailed(BindFailedMethod)
		return errSASL
	case req.Name != "" && len(req.Password) == 0:
		m.BindFailed(BindFailedEmptyPassword)
		return errEmptyPassword
	case req.Name == "" && len(req.Password) > 0:
		m.BindFailed(BindFailedMethod)
		return errEmptyDN
	case req.Name != "" && o.session.needsTLS():
		m.BindFailed(BindFailedTLS)
		return errNeedsTLS
	case !o.cfg.Guards.allowsBind(req.Name):
		m.BindFailed(BindFailedGuard)
		return o.guarded(errGuardedBind, rewrite.HintGuardedBindDN)
	}
	return nil
}

// bindAnonymous succeeds here: load balancers check with it, which is why it is
// refused before the end. The session may read the rootDSE and nothing else.
func (o *operation) bindAnonymous(controls []ldap.Control) error {
	if err := refuseCritical(controls, isManageDsaIT); err != nil {
		o.session.server.metrics.BindFailed(BindFailedMethod)
		return err
	}
	if o.session.server.leaving.Load() {
		return errLeaving
	}
	return o.reply(&ldap.Result{}, nil)
}

// bindUpstream asks the only one who knows.
func (o *operation) bindUpstream(req *ldap.BindRequest, controls []ldap.Control) error {
	s := o.session
	password := secret.New(req.Password)
	id := upstream.NewIdentity(req.Name, password)
	password.Wipe()
	clear(req.Password) // nobody needs it in the buffer while upstream thinks

	attempt, err := s.server.backoff.begin(s.ctx, backoffKeyOf(s.peer.Addr(), req.Name), req.Name, id.Key())
	if err != nil {
		id.Forget()
		s.server.metrics.BindFailed(BindFailedBackoff)
		o.rec.Hints = append(o.rec.Hints, rewrite.HintBindBackoff)
		return err
	}
	defer attempt.end()

	accepted, known := o.recallBind(id, controls)
	if known {
		s.become(bound, id)
		return o.reply(&ldap.Result{}, nil)
	}
	answer, err := o.askBind(id)
	if err != nil {
		id.Forget()
		s.server.metrics.BindFailed(BindFailedUpstream)
		return err
	}
	if answer.Result.Code != ldap.Success {
		id.Forget()
		return o.bindRefused(id, attempt, &answer)
	}
	attempt.succeeded()
	accepted()
	s.become(bound, id)
	return o.passBindAnswer(&answer)
}

func (o *operation) askBind(id *upstream.Identity) (upstream.BindAnswer, error) {
	s := o.session
	start := s.server.now()
	answer, err := o.pool.Bind(s.ctx, id, o.message.Controls)
	if o.followReload(err) { // the closed one has sent nothing
		answer, err = o.pool.Bind(s.ctx, id, o.message.Controls)
	}
	o.rec.Upstream.Server, o.rec.Upstream.Reused = answer.Server, answer.Reused
	o.rec.Queue = answer.Waited
	o.rec.Upstream.Duration = s.server.now().Sub(start) - answer.Waited
	return answer, err
}

// bindRefused passes upstream's refusal on. Two codes are not passed: a
// referral, which would lead the client past the proxy, and protocolError,
// which JNDI takes for an LDAPv2 server and tries again as one.
func (o *operation) bindRefused(id *upstream.Identity, attempt *attempt, answer *upstream.BindAnswer) error {
	s := o.session
	reason := BindFailedRefused
	if answer.Result.Code == ldap.InvalidCredentials {
		reason = BindFailedCredentials
		o.cfg.ServiceBind.Doubt(id.DN())
		attempt.failed()
	}
	s.server.metrics.BindFailed(reason)
	if err := passable(&answer.Result); err != nil {
		return err
	}
	if answer.Result.Code == ldap.ProtocolError {
		return errUpstreamBind(&answer.Result)
	}
	return o.passBindAnswer(answer)
}

func (o *operation) passBindAnswer(answer *upstream.BindAnswer) error {
	return o.finish(&answer.Result, func(dst []byte) []byte {
		return ldap.AppendEnvelope(dst, o.id, answer.Tail)
	})
}
