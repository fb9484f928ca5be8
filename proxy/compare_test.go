package proxy_test

import (
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

func TestCompare(t *testing.T) {
	legacyGroup, posixGroup := "cn=gameOfThrones,"+usersBase, "cn=got,"+usersBase
	for name, tc := range map[string]struct {
		dn, attr, value string
		upstream        ldap.ResultCode // to a compare
		member          bool            // the group found by a search holds jon.snow
		want            ldap.ResultCode
	}{
		"passes true":           {posixGroup, "memberUid", "jon.snow", ldap.CompareTrue, false, ldap.CompareTrue},
		"passes false":          {posixGroup, "memberUid", "jon.snow", ldap.CompareFalse, false, ldap.CompareFalse},
		"passes an error":       {jonDN, "nothing", "x", ldap.UndefinedAttributeType, false, ldap.UndefinedAttributeType},
		"upstream's referral":   {jonDN, "mail", "x", ldap.Referral, false, ldap.Unavailable},
		"bridged, a member":     {legacyGroup, "member", jonDN, ldap.OtherError, true, ldap.CompareTrue},
		"bridged, not a member": {legacyGroup, "member", "uid=nobody," + usersBase, ldap.OtherError, false, ldap.CompareFalse},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(s *setup) {
				s.script = func(c *upstreamConn, m ldap.Message) {
					switch {
					case m.Op == ldap.OpCompareRequest:
						c.result(m, ldap.Result{Code: tc.upstream})
					case m.Op == ldap.OpSearchRequest:
						if tc.member {
							c.entry(m, posixGroup, "objectClass", "posixGroup", "cn", "got", "memberUid", "jon.snow")
						}
						c.done(m, ldap.Result{})
					default:
						answer(c, m)
					}
				}
			})
			c := r.bound()
			c.send(compareRequest(2, tc.dn, tc.attr, tc.value, manageDsaIT))
			m := c.receive()
			c.check(m, 2, tc.want)
			if m.Op != ldap.OpCompareResponse {
				t.Errorf("answered by 0x%02x", byte(m.Op))
			}
			rec := r.record(lookup.OpCompare, 1)
			if rec.Base != tc.dn || rec.Name != tc.attr || rec.Result != int(tc.want) || rec.Upstream.IsZero() {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestOperationsThatAreRefused(t *testing.T) {
	r := start(t)
	c := r.dial()
	del := ldap.AppendOperation(nil, 2, ldap.OpDelRequest, []byte(jonDN), nil)
	c.send(compareRequest(1, jonDN, "uid", "x"), del, searchRequest(3, userFilter("x")))
	c.result(1, ldap.InsufficientAccessRights)
	c.result(2, ldap.InsufficientAccessRights)
	c.result(3, ldap.InsufficientAccessRights)
	c.bind(4, jamfDN, password, ldap.Success)
	for i, op := range []struct {
		request  []byte
		response byte
	}{
		{ldap.AppendOperation(nil, 10, ldap.OpAddRequest, []byte("\x04\x00\x30\x00"), nil), 0x69},
		{ldap.AppendOperation(nil, 11, ldap.OpModifyRequest, []byte("\x04\x00\x30\x00"), nil), 0x67},
		{ldap.AppendOperation(nil, 12, ldap.OpDelRequest, []byte("dc=com"), nil), 0x6b},
		{ldap.AppendOperation(nil, 13, ldap.OpModifyDNRequest, []byte("\x04\x00\x04\x00\x01\x01\x00"), nil), 0x6d},
	} {
		c.send(op.request)
		m := c.receive()
		if res := c.check(m, int32(10+i), ldap.UnwillingToPerform); byte(m.Op) != op.response || res.Diagnostic != "read-only proxy" {
			t.Errorf("op 0x%02x %+v", byte(m.Op), res)
		}
	}
}
