package ldap

import "jamf-ldap-proxy/internal/ber"

// DecodeAbandonRequest returns the message ID that is to be abandoned.
func DecodeAbandonRequest(body []byte) (int32, error) {
	id, err := ber.ParseInt(body)
	if err != nil || id < 0 {
		return 0, malformed("abandon", errOr(err, "negative message ID"))
	}
	return id, nil
}

// AppendAbandonRequest appends a whole abandon message.
func AppendAbandonRequest(dst []byte, id, abandoned int32) []byte {
	body := ber.AppendInt(make([]byte, 0, 8), OpAbandonRequest, abandoned)
	return AppendEnvelope(dst, id, body)
}

// AppendUnbindRequest appends a whole unbind message.
func AppendUnbindRequest(dst []byte, id int32) []byte {
	return AppendOperation(dst, id, OpUnbindRequest, nil, nil)
}
