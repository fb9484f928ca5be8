package proxy

import "jamf-ldap-proxy/internal/ldap"

// abandon cancels exactly the operation named, RFC 4511 section 4.11. There is
// no response, not even to a request that makes no sense; one whose operation
// is unknown, because its answer is already on the way, is normal.
func (o *operation) abandon() error {
	_, _ = o.clientControls() // JNDI attaches one; for the record only
	id, err := ldap.DecodeAbandonRequest(o.message.Body)
	if err != nil {
		return err
	}
	o.noAnswer()
	s := o.session
	s.mu.Lock()
	victim := s.inFlight[id]
	delete(s.inFlight, id)
	s.mu.Unlock()
	if victim != nil {
		victim.giveUp()
	}
	return nil
}

// unbind ends the session, RFC 4511 section 4.3: whatever is in flight is of
// no interest any more.
func (o *operation) unbind() error {
	_, _ = o.clientControls()
	o.noAnswer()
	o.session.hangUp(farewell{})
	return nil
}
