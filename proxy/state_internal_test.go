package proxy

import (
	"testing"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// TestLegality writes the table a second time, by rule.
func TestLegality(t *testing.T) {
	for st := range stateCount {
		for req := range requestCount {
			if got, want := legality[st][req], expected(st, req); got != want {
				t.Errorf("state %d, request %d: verdict %d, want %d", st, req, got, want)
			}
		}
	}
}

func expected(st state, req request) verdict {
	switch {
	case st == closing:
		return ignore
	case st == binding || st == startingTLS:
		return unread
	case req == reqUnknown:
		return malformed
	case req == reqUpdate && st == bound:
		return readOnly
	case st == anonymous && req == reqSearch:
		return serveRoot
	case st == anonymous && (req == reqCompare || req == reqUpdate):
		return needBind
	}
	return serve
}

func TestEveryServedRequestHasAServant(t *testing.T) {
	for req := range requestCount {
		o := &operation{kind: req}
		if o.servant() == nil {
			t.Errorf("request %d has none", req)
		}
		if want := req == reqSearch || req == reqCompare; o.concurrent != want {
			t.Errorf("request %d runs concurrently: %v", req, o.concurrent)
		}
	}
}

func TestRequestOf(t *testing.T) {
	known := map[ber.Tag]request{
		ldap.OpBindRequest: reqBind, ldap.OpUnbindRequest: reqUnbind, ldap.OpAbandonRequest: reqAbandon,
		ldap.OpSearchRequest: reqSearch, ldap.OpCompareRequest: reqCompare, ldap.OpAddRequest: reqUpdate,
		ldap.OpModifyRequest: reqUpdate, ldap.OpDelRequest: reqUpdate, ldap.OpModifyDNRequest: reqUpdate,
		ldap.OpExtendedRequest: reqExtended,
	}
	for tag := range 256 {
		want, ok := known[ber.Tag(tag)]
		if !ok {
			want = reqUnknown
		}
		if got := requestOf(ber.Tag(tag), ""); got != want {
			t.Errorf("tag 0x%02x is request %d, want %d", tag, got, want)
		}
	}
}
