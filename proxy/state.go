package proxy

import (
	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// state is where a session stands.
type state uint8

const (
	anonymous   state = iota
	binding           // a bind is being answered; nothing is read meanwhile
	bound             // as session.identity
	startingTLS       // the handshake is running; nothing is read meanwhile
	closing           // nothing is served any more
	stateCount
)

// request is what a client asks for, as far as legality goes.
type request uint8

const (
	reqBind request = iota
	reqUnbind
	reqAbandon
	reqSearch
	reqCompare
	reqUpdate // add, modify, delete, modifyDN
	reqStartTLS
	reqWhoAmI
	reqExtended // any other
	reqUnknown  // a tag that no RFC defines
	requestCount
)

// verdict is what a session does with a request.
type verdict uint8

const (
	serve     verdict = iota
	serveRoot         // a search: the rootDSE only, else as needBind
	needBind          // insufficientAccessRights
	readOnly          // unwillingToPerform
	malformed         // protocolError, notice of disconnection, close
	unread            // the session does not read in this state: a bug of ours
	ignore            // too late for an answer
)

// legality is the whole truth about what a client may do when.
var legality = [stateCount][requestCount]verdict{
	anonymous: {
		reqBind: serve, reqUnbind: serve, reqAbandon: serve,
		reqSearch: serveRoot, reqCompare: needBind, reqUpdate: needBind,
		reqStartTLS: serve, reqWhoAmI: serve, reqExtended: serve,
		reqUnknown: malformed,
	},
	binding: {
		reqBind: unread, reqUnbind: unread, reqAbandon: unread,
		reqSearch: unread, reqCompare: unread, reqUpdate: unread,
		reqStartTLS: unread, reqWhoAmI: unread, reqExtended: unread,
		reqUnknown: unread,
	},
	bound: {
		reqBind: serve, reqUnbind: serve, reqAbandon: serve,
		reqSearch: serve, reqCompare: serve, reqUpdate: readOnly,
		reqStartTLS: serve, reqWhoAmI: serve, reqExtended: serve,
		reqUnknown: malformed,
	},
	startingTLS: {
		reqBind: unread, reqUnbind: unread, reqAbandon: unread,
		reqSearch: unread, reqCompare: unread, reqUpdate: unread,
		reqStartTLS: unread, reqWhoAmI: unread, reqExtended: unread,
		reqUnknown: unread,
	},
	closing: {
		reqBind: ignore, reqUnbind: ignore, reqAbandon: ignore,
		reqSearch: ignore, reqCompare: ignore, reqUpdate: ignore,
		reqStartTLS: ignore, reqWhoAmI: ignore, reqExtended: ignore,
		reqUnknown: ignore,
	},
}

// requestOf classifies a message by its tag, an extended one by its OID.
func requestOf(tag ber.Tag, extended string) request {
	switch tag {
	case ldap.OpBindRequest:
		return reqBind
	case ldap.OpUnbindRequest:
		return reqUnbind
	case ldap.OpAbandonRequest:
		return reqAbandon
	case ldap.OpSearchRequest:
		return reqSearch
	case ldap.OpCompareRequest:
		return reqCompare
	case ldap.OpAddRequest, ldap.OpModifyRequest, ldap.OpDelRequest, ldap.OpModifyDNRequest:
		return reqUpdate
	case ldap.OpExtendedRequest:
		switch extended {
		case ldap.OIDStartTLS:
			return reqStartTLS
		case ldap.OIDWhoAmI:
			return reqWhoAmI
		}
		return reqExtended
	}
	return reqUnknown
}
