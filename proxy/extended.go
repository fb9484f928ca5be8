package proxy

import "jamf-ldap-proxy/internal/ldap"

// whoAmI answers RFC 4532 from what the session knows.
func (o *operation) whoAmI() error {
	if err := o.localControls(); err != nil {
		return err
	}
	var authzID []byte
	if o.identity != nil {
		authzID = []byte("dn:" + o.identity.DN())
	}
	if authzID == nil {
		authzID = []byte{} // anonymous is an empty value, not a missing one
	}
	res := &ldap.Result{}
	return o.finish(res, func(dst []byte) []byte {
		return ldap.AppendExtendedResponse(dst, o.id, res, "", authzID)
	})
}

// extended refuses what is neither StartTLS nor WhoAmI. A password change, for
// one, must not go upstream through a proxy that is read-only.
func (o *operation) extended() error {
	defer o.wipeRequest()
	if _, err := ldap.DecodeExtendedRequest(o.message.Body); err != nil {
		return err
	}
	if _, err := o.clientControls(); err != nil {
		return err
	}
	return errExtended
}
