package ldap_test

import (
	"strings"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// sample is one message of the corpus: octets with their meaning, or with the
// fault they must be refused for. One table serves the decoders, the encoders,
// the trace and every fuzz target.
type sample struct {
	name, source string
	wire         string // see octets
	id           int32
	op           ber.Tag
	value        any // of the types below, nil where the message is refused
	controls     []ldap.Control
	malformed    string // part of the error
	limit        string // name in the LimitError
	lax          bool   // legal, but not the octets we write
	partial      bool   // decoded as far as a refusal needs, so never written
}

// corpusLimits are small, so that a message at a limit is one too.
var corpusLimits = ldap.Limits{Nesting: 8, FilterTerms: 12, Controls: 4, Attributes: 6}

var corpus = []sample{
	// Bind, RFC 4511 section 4.2.
	{
		name: "simple bind", source: "JNDI, measured",
		wire: `
			30 1c  # LDAPMessage
			  02 01 01  # 1
			  60 17  # BindRequest
			    02 01 03 04 0e 75 69 64 3d 78 2c 6f 75 3d 55 73 65 72 73 80 02 70 77  # 3 "uid=x,ou=Users" simple "pw"`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Name: "uid=x,ou=Users", Simple: true, Password: []byte("pw")},
	},
	{
		name: "anonymous bind", source: "JNDI, measured",
		wire: `
			30 0c  # LDAPMessage
			  02 01 01 60 07 02 01 03 04 00 80 00  # 1 BindRequest {3 "" simple ""}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Simple: true, Password: []byte{}},
	},
	{
		name: "bind with a name and no password", source: "RFC 4513 section 5.1.2",
		wire: `
			30 11  # LDAPMessage
			  02 01 02 60 0c 02 01 03 04 05 75 69 64 3d 78 80 00  # 2 BindRequest {3 "uid=x" simple ""}`,
		id: 2, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Name: "uid=x", Simple: true, Password: []byte{}},
	},
	{
		name: "bind with every length in five octets", source: "Active Directory writes lengths so",
		wire: `
			30 84 00 00 00 27  # LDAPMessage
			  02 84 00 00 00 01 01  # 1
			  60 84 00 00 00 1a  # BindRequest
			    02 84 00 00 00 01 03 04 84 00 00 00 05 75 69 64 3d 78 80 84 00 00 00 02 70 77  # 3 "uid=x" simple "pw"`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Name: "uid=x", Simple: true, Password: []byte("pw")},
		lax: true,
	},
	{
		name: "bind v2", source: "RFC 1777 section 4.1",
		wire: `
			30 13  # LDAPMessage
			  02 01 01 60 0e 02 01 02 04 05 75 69 64 3d 78 80 02 70 77  # 1 BindRequest {2 "uid=x" simple "pw"}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 2},
		partial: true,
	},
	{
		name: "bind v2 with Kerberos", source: "RFC 1777 section 4.1",
		wire: `
			30 17  # LDAPMessage
			  02 01 01 60 12 02 01 02 04 05 75 69 64 3d 78 81 06 74 69 63 6b 65 74  # 1 BindRequest {2 "uid=x" "ticket"}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 2},
		partial: true,
	},
	{
		name: "bind v127", source: "RFC 4511 section 4.2",
		wire: `
			30 0c  # LDAPMessage
			  02 01 01 60 07 02 01 7f 04 00 80 00  # 1 BindRequest {127 "" simple ""}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 127},
		partial: true,
	},
	{
		name: "SASL bind without credentials", source: "RFC 4511 section 4.2.1",
		wire: `
			30 18  # LDAPMessage
			  02 01 01 60 13 02 01 03 04 00 a3 0c 04 0a 44 49 47 45 53 54 2d 4d 44 35  # 1 BindRequest {3 "" sasl {"DIGEST-MD5"}}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Mechanism: "DIGEST-MD5"},
		partial: true,
	},
	{
		name: "SASL bind with credentials", source: "RFC 4511 section 4.2.1",
		wire: `
			30 1a  # LDAPMessage
			  02 01 01 60 15 02 01 03 04 00 a3 0e 04 05 50 4c 41 49 4e 04 05 00 78 00 70 77  # 1 BindRequest {3 "" sasl {"PLAIN" ...}}`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Mechanism: "PLAIN"},
		partial: true,
	},
	{
		name: "bind with a control", source: "RFC 4511 section 4.1.11",
		wire: `
			30 30  # LDAPMessage
			  02 01 01 60 0e 02 01 03 04 05 75 69 64 3d 78 80 02 70 77  # 1 BindRequest {3 "uid=x" simple "pw"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 1, op: ldap.OpBindRequest, value: ldap.BindRequest{Version: 3, Name: "uid=x", Simple: true, Password: []byte("pw")},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "bind, empty", source: "RFC 4511 section 4.2",
		wire: `
			30 05  # LDAPMessage
			  02 01 01 60 00  # 1 BindRequest {}`,
		malformed: "bind version",
	},
	{
		name: "bind, version is an octet string", source: "RFC 4511 section 4.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 01 60 0e 04 01 33 04 05 75 69 64 3d 78 80 02 70 77  # 1 BindRequest {"3" "uid=x" simple "pw"}`,
		malformed: "bind version",
	},
	{
		name: "bind, version of no octets", source: "RFC 4511 section 4.2",
		wire: `
			30 12  # LDAPMessage
			  02 01 01 60 0d 02 00 04 05 75 69 64 3d 78 80 02 70 77  # 1 BindRequest {INTEGER "uid=x" simple "pw"}`,
		malformed: "bind version",
	},
	{
		name: "bind, name is an integer", source: "RFC 4511 section 4.2",
		wire: `
			30 0f  # LDAPMessage
			  02 01 01 60 0a 02 01 03 02 01 07 80 02 70 77  # 1 BindRequest {3 7 simple "pw"}`,
		malformed: "bind name",
	},
	{
		name: "bind, no authentication", source: "RFC 4511 section 4.2",
		wire: `
			30 0f  # LDAPMessage
			  02 01 01 60 0a 02 01 03 04 05 75 69 64 3d 78  # 1 BindRequest {3 "uid=x"}`,
		malformed: "bind authentication",
	},
	{
		name: "bind, authentication of an unknown choice", source: "RFC 4511 section 4.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 01 60 0e 02 01 03 04 05 75 69 64 3d 78 84 02 70 77  # 1 BindRequest {3 "uid=x" "pw"}`,
		malformed: "neither simple nor SASL",
	},
	{
		name: "bind, password is a universal octet string", source: "RFC 4511 section 4.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 01 60 0e 02 01 03 04 05 75 69 64 3d 78 04 02 70 77  # 1 BindRequest {3 "uid=x" "pw"}`,
		malformed: "neither simple nor SASL",
	},
	{
		name: "bind, octets behind the password", source: "RFC 4511 section 4.2",
		wire: `
			30 19  # LDAPMessage
			  02 01 01 60 14 02 01 03 04 05 75 69 64 3d 78 80 02 70 77 04 04 6d 6f 72 65  # 1 BindRequest {3 "uid=x" simple "pw" "more"}`,
		malformed: "octets behind the authentication",
	},
	{
		name: "bind, password longer than the bind", source: "RFC 4511 section 4.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 01  # 1
			  60 0e  # BindRequest
			    02 01 03 04 05 75 69 64 3d 78  # 3 "uid=x"
			    80 05 70 77`,
		malformed: "bind authentication",
	},
	{
		name: "SASL bind without a mechanism", source: "RFC 4511 section 4.2.1",
		wire: `
			30 0c  # LDAPMessage
			  02 01 01 60 07 02 01 03 04 00 a3 00  # 1 BindRequest {3 "" sasl {}}`,
		malformed: "SASL mechanism",
	},
	{
		name: "SASL bind, credentials are an integer", source: "RFC 4511 section 4.2.1",
		wire: `
			30 16  # LDAPMessage
			  02 01 01 60 11 02 01 03 04 00 a3 0a 04 05 50 4c 41 49 4e 02 01 01  # 1 BindRequest {3 "" sasl {"PLAIN" 1}}`,
		malformed: "SASL credentials",
	},
	{
		name: "SASL bind, octets behind the credentials", source: "RFC 4511 section 4.2.1",
		wire: `
			30 1b  # LDAPMessage
			  02 01 01 60 16 02 01 03 04 00 a3 0f 04 05 50 4c 41 49 4e 04 02 70 77 04 02 70 77  # 1 BindRequest {3 "" sasl {"PLAIN" "pw" "pw"}}`,
		malformed: "SASL credentials",
	},
	{
		name: "bind response", source: "RFC 4511 section 4.2.2",
		wire: `
			30 0c  # LDAPMessage
			  02 01 01 61 07 0a 01 00 04 00 04 00  # 1 BindResponse {0 "" ""}`,
		id: 1, op: ldap.OpBindResponse, value: result{},
	},
	{
		name: "bind response, refused", source: "RFC 4511 section 4.2.2",
		wire: `
			30 1f  # LDAPMessage
			  02 01 01  # 1
			  61 1a  # BindResponse
			    0a 01 31 04 00 04 13 49 6e 76 61 6c 69 64 20 43 72 65 64 65 6e 74 69 61 6c 73  # 49 "" "Invalid Credentials"`,
		id: 1, op: ldap.OpBindResponse, value: result{Result: ldap.Result{Code: 49, Diagnostic: "Invalid Credentials"}},
	},
	{
		name: "bind response with server credentials", source: "RFC 4511 section 4.2.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 01 61 0e 0a 01 0e 04 00 04 00 87 05 6e 6f 6e 63 65  # 1 BindResponse {14 "" "" "nonce"}`,
		id: 1, op: ldap.OpBindResponse, value: result{Result: ldap.Result{Code: 14}, Rest: "\x87\x05nonce"},
	},

	// Unbind and abandon, RFC 4511 sections 4.3 and 4.11.
	{
		name: "unbind", source: "JNDI, measured",
		wire: `
			30 05  # LDAPMessage
			  02 01 03 42 00  # 3 UnbindRequest ""`,
		id: 3, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "unbind with a control", source: "JNDI, measured",
		wire: `
			30 22  # LDAPMessage
			  02 01 02 42 00  # 2 UnbindRequest ""
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "unbind with the paging control", source: "JNDI, measured",
		wire: `
			30 49  # LDAPMessage
			  02 01 0d 42 00  # 13 UnbindRequest ""
			  a0 42  # controls
			    30 25  # SEQUENCE
			      04 16 31 2e 32 2e 38 34 30 2e 31 31 33 35 35 36 2e 31 2e 34 2e 33 31 39 01 01 ff  # "1.2.840.113556.1.4.319" TRUE
			      04 08 30 06 02 02 01 f4 04 00  # ...
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 13, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: ldap.OIDPagedResults, Critical: true, HasValue: true, Value: "\x30\x06\x02\x02\x01\xf4\x04\x00"}, {OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "abandon", source: "RFC 4511 section 4.11",
		wire: `
			30 06  # LDAPMessage
			  02 01 05 50 01 04  # 5 AbandonRequest `,
		id: 5, op: ldap.OpAbandonRequest, value: abandon(4),
	},
	{
		name: "abandon with a control", source: "JNDI, measured",
		wire: `
			30 23  # LDAPMessage
			  02 01 0b 50 01 0a  # 11 AbandonRequest 
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 11, op: ldap.OpAbandonRequest, value: abandon(10),
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "abandon of the greatest message ID", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 09  # LDAPMessage
			  02 01 05 50 04 7f ff ff ff  # 5 AbandonRequest `,
		id: 5, op: ldap.OpAbandonRequest, value: abandon(2147483647),
	},
	{
		name: "abandon, no octets", source: "RFC 4511 section 4.11",
		wire: `
			30 05  # LDAPMessage
			  02 01 05 50 00  # 5 AbandonRequest ""`,
		malformed: "abandon",
	},
	{
		name: "abandon, 2^31", source: "RFC 4511 section 4.11",
		wire: `
			30 0a  # LDAPMessage
			  02 01 05 50 05 00 80 00 00 00  # 5 AbandonRequest `,
		malformed: "abandon",
	},
	{
		name: "abandon, negative", source: "RFC 4511 section 4.11",
		wire: `
			30 06  # LDAPMessage
			  02 01 05 50 01 ff  # 5 AbandonRequest `,
		malformed: "negative message ID",
	},

	// Search, RFC 4511 section 4.5.1.
	{
		name: "user search", source: "JNDI, measured",
		wire: `
			30 81 89  # LDAPMessage
			  02 01 02  # 2
			  63 67  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 02 02 01 3d 01 01 00  # "ou=Users" 2 3 2 61 FALSE
			    a0 40  # and
			      a3 1c  # equalityMatch
			        04 0b 6f 62 6a 65 63 74 43 6c 61 73 73 04 0d 69 6e 65 74 4f 72 67 50 65 72 73 6f 6e  # "objectClass" "inetOrgPerson"
			      a1 20  # or
			        a4 11 04 03 75 69 64 30 0a 80 01 6a 81 02 6f 68 82 01 6e  # substrings {"uid" SEQUENCE {initial "j" any "oh" final "n"}}
			        a3 0b 04 02 63 6e 04 05 6a 6f 73 c3 a9  # equalityMatch {"cn" "josé"}
			    30 0a 04 02 63 6e 04 04 6d 61 69 6c  # SEQUENCE {"cn" "mail"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, SizeLimit: 2, TimeLimit: 61,
			Filter: ldap.And(ldap.Equal("objectClass", "inetOrgPerson"), ldap.Or(
				ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "uid", Substrings: []ldap.Substring{{ldap.SubInitial, "j"}, {ldap.SubAny, "oh"}, {ldap.SubFinal, "n"}}},
				ldap.Equal("cn", "josé"))), Attributes: []string{"cn", "mail"}},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "AND with zero elements, no attributes named", source: "JNDI, measured",
		wire: `
			30 3f  # LDAPMessage
			  02 01 03  # 3
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 01 0a 01 03 02 01 00 02 01 00 01 01 00 a0 00 30 00  # "ou=Users" 1 3 0 0 FALSE and {} SEQUENCE {}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 3, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeOne, Deref: 3, Filter: ldap.And()},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "empty substrings list", source: "JNDI, measured",
		wire: `
			30 49  # LDAPMessage
			  02 01 04  # 4
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 06 04 02 63 6e 30 00 30 04 04 02 63 6e  # substrings {"cn" SEQUENCE {}} SEQUENCE {"cn"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 4, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn"}, Attributes: []string{"cn"}},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "root DSE", source: "JNDI, measured",
		wire: `
			30 52  # LDAPMessage
			  02 01 05  # 5
			  63 30  # SearchRequest
			    04 00 0a 01 00 0a 01 03 02 01 00 02 01 00 01 01 00 87 0b 6f 62 6a 65 63 74 43 6c 61 73 73  # "" 0 3 0 0 FALSE present "objectClass"
			    30 10 04 0e 6e 61 6d 69 6e 67 43 6f 6e 74 65 78 74 73  # SEQUENCE {"namingContexts"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 5, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Deref: 3, Filter: ldap.Present("objectClass"), Attributes: []string{"namingContexts"}},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "membership asked as a base search", source: "JNDI, measured",
		wire: `
			30 5b  # LDAPMessage
			  02 01 07  # 7
			  63 39  # SearchRequest
			    04 04 63 6e 3d 67 0a 01 00 0a 01 03 02 01 00 02 01 00 01 01 00  # "cn=g" 0 3 0 0 FALSE
			    a3 1b  # equalityMatch
			      04 06 6d 65 6d 62 65 72 04 11 75 69 64 3d 6a 64 6f 65 2c 6f 75 3d 55 73 65 72 73  # "member" "uid=jdoe,ou=Users"
			    30 05 04 03 31 2e 31  # SEQUENCE {"1.1"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 7, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "cn=g", Deref: 3, Filter: ldap.Equal("member", "uid=jdoe,ou=Users"), Attributes: []string{"1.1"}},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "NOT, >=, <=, ~= and an extensible match", source: "JNDI, measured",
		wire: `
			30 76  # LDAPMessage
			  02 01 08  # 8
			  63 54  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a1 33  # or
			      a2 09 a5 07 04 02 63 6e 04 01 61 a6 07 04 02 63 6e 04 01 62 a8 07 04 02 63 6e 04 01 63  # not {greaterOrEqual {"cn" "a"}} lessOrEqual {"cn" "b"} approxMatch {"cn" "c"}
			      a9 14 81 08 32 2e 35 2e 31 33 2e 35 82 02 63 6e 83 01 64 84 01 ff  # extensibleMatch {rule "2.5.13.5" type "cn" value "d" dnAttributes }
			    30 04 04 02 63 6e  # SEQUENCE {"cn"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 8, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Or(
			ldap.Not(ldap.Filter{Kind: ldap.FilterGreaterOrEqual, Attr: "cn", Value: "a"}),
			ldap.Filter{Kind: ldap.FilterLessOrEqual, Attr: "cn", Value: "b"},
			ldap.Filter{Kind: ldap.FilterApprox, Attr: "cn", Value: "c"},
			ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Rule: "2.5.13.5", DNAttrs: true, Value: "d"}), Attributes: []string{"cn"}},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "paged search, critical", source: "JNDI, measured",
		wire: `
			30 6d  # LDAPMessage
			  02 01 0c  # 12
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 87 03 75 69 64  # "ou=Users" 2 3 0 0 FALSE present "uid"
			    30 04 04 02 63 6e  # SEQUENCE {"cn"}
			  a0 42  # controls
			    30 25  # SEQUENCE
			      04 16 31 2e 32 2e 38 34 30 2e 31 31 33 35 35 36 2e 31 2e 34 2e 33 31 39 01 01 ff  # "1.2.840.113556.1.4.319" TRUE
			      04 08 30 06 02 02 01 f4 04 00  # ...
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 12, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Present("uid"), Attributes: []string{"cn"}},
		controls: []ldap.Control{{OID: ldap.OIDPagedResults, Critical: true, HasValue: true, Value: "\x30\x06\x02\x02\x01\xf4\x04\x00"}, {OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "search with \"+\"", source: "ldapsearch, measured",
		wire: `
			30 31  # LDAPMessage
			  02 01 02  # 2
			  63 2c  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 00 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 0 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 07 04 02 63 6e 04 01 2b  # equalityMatch {"uid" "x"} SEQUENCE {"cn" "+"}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Filter: ldap.Equal("uid", "x"), Attributes: []string{"cn", "+"}},
	},
	{
		name: "OR with zero elements", source: "RFC 4526 section 2",
		wire: `
			30 22  # LDAPMessage
			  02 01 02  # 2
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a1 00 30 00  # "ou=Users" 2 3 0 0 FALSE or {} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Or()},
	},
	{
		name: "NOT of NOT", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a2 0c a2 0a a3 08 04 03 75 69 64 04 01 78 30 00  # not {not {equalityMatch {"uid" "x"}}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Not(ldap.Not(ldap.Equal("uid", "x")))},
	},
	{
		name: "present", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 25  # LDAPMessage
			  02 01 02  # 2
			  63 20  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 87 03 75 69 64  # "ou=Users" 2 3 0 0 FALSE present "uid"
			    30 00  # SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Present("uid")},
	},
	{
		name: "present of no attribute", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 22  # LDAPMessage
			  02 01 02  # 2
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 87 00 30 00  # "ou=Users" 2 3 0 0 FALSE present "" SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Present("")},
	},
	{
		name: "equality with an empty value", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 07 04 03 75 69 64 04 00 30 00  # equalityMatch {"uid" ""} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "")},
	},
	{
		name: "equality with NUL, invalid UTF-8 and filter characters", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 0d 04 03 75 69 64 04 06 00 ff 2a 28 29 5c 30 00  # equalityMatch {"uid" ...} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "\x00\xff*()\\")},
	},
	{
		name: "substrings, initial only", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a 04 03 75 69 64 30 03 80 01 61 30 00  # substrings {"uid" SEQUENCE {initial "a"}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "uid", Substrings: []ldap.Substring{{ldap.SubInitial, "a"}}}},
	},
	{
		name: "substrings, any only", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 06 81 01 61 81 01 62 30 00  # substrings {"uid" SEQUENCE {any "a" any "b"}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "uid", Substrings: []ldap.Substring{{ldap.SubAny, "a"}, {ldap.SubAny, "b"}}}},
	},
	{
		name: "substrings, final only", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a 04 03 75 69 64 30 03 82 01 61 30 00  # substrings {"uid" SEQUENCE {final "a"}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "uid", Substrings: []ldap.Substring{{ldap.SubFinal, "a"}}}},
	},
	{
		name: "substrings, an empty piece", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2b  # LDAPMessage
			  02 01 02  # 2
			  63 26  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 09 04 03 75 69 64 30 02 81 00 30 00  # substrings {"uid" SEQUENCE {any ""}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "uid", Substrings: []ldap.Substring{{ldap.SubAny, ""}}}},
	},
	{
		name: "extensible without rule", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 07 82 02 63 6e 83 01 76 30 00  # extensibleMatch {type "cn" value "v"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Value: "v"}},
	},
	{
		name: "extensible without type", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0d 81 08 32 2e 35 2e 31 33 2e 35 83 01 76 30 00  # extensibleMatch {rule "2.5.13.5" value "v"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterExtensible, Rule: "2.5.13.5", Value: "v"}},
	},
	{
		name: "extensible with the default of dnAttributes", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0a 82 02 63 6e 83 01 76 84 01 00 30 00  # extensibleMatch {type "cn" value "v" dnAttributes } SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Value: "v"}},
		lax: true,
	},
	{
		name: "extensible with dnAttributes 1 instead of 255", source: "X.690 section 8.2.2",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0a 82 02 63 6e 83 01 76 84 01 01 30 00  # extensibleMatch {type "cn" value "v" dnAttributes } SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Value: "v", DNAttrs: true}},
		lax: true,
	},
	{
		name: "a value of 200 octets", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 81 f4  # LDAPMessage
			  02 01 02  # 2
			  63 81 ee  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 81 d0  # equalityMatch
			      04 03 75 69 64  # "uid"
			      04 81 c8 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76 76  # "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
			    30 00  # SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", strings.Repeat("v", 200))},
	},
	{
		name: "filter of an unknown choice", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 25  # LDAPMessage
			  02 01 02  # 2
			  63 20  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 8a 03 75 69 64  # "ou=Users" 2 3 0 0 FALSE "uid"
			    30 00  # SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "present as a constructed element", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 27  # LDAPMessage
			  02 01 02  # 2
			  63 22  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a7 05 04 03 75 69 64 30 00  # [7] {"uid"} SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "equality as a primitive element", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    83 08 04 03 75 69 64 04 01 78 30 00  # ... SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "a universal sequence for a filter", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    30 08 04 03 75 69 64 04 01 78 30 00  # SEQUENCE {"uid" "x"} SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "no filter", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 20  # LDAPMessage
			  02 01 02  # 2
			  63 1b  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 30 00  # "ou=Users" 2 3 0 0 FALSE SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "NOT with zero filters", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 22  # LDAPMessage
			  02 01 02  # 2
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a2 00 30 00  # "ou=Users" 2 3 0 0 FALSE not {} SEQUENCE {}`,
		malformed: "filter",
	},
	{
		name: "NOT with two filters", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 36  # LDAPMessage
			  02 01 02  # 2
			  63 31  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a2 14 a3 08 04 03 75 69 64 04 01 78 a3 08 04 03 75 69 64 04 01 78 30 00  # not {equalityMatch {"uid" "x"} equalityMatch {"uid" "x"}} SEQUENCE {}`,
		malformed: "NOT holds more than one filter",
	},
	{
		name: "AND with an octet string in it", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 27  # LDAPMessage
			  02 01 02  # 2
			  63 22  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a0 05 04 03 75 69 64 30 00  # and {"uid"} SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "AND, element longer than the AND", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a0 07  # and
			      a3 20 04 03 75 69 64
			    30 00  # SEQUENCE {}`,
		malformed: "filter",
	},
	{
		name: "equality without value", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 27  # LDAPMessage
			  02 01 02  # 2
			  63 22  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 05 04 03 75 69 64 30 00  # equalityMatch {"uid"} SEQUENCE {}`,
		malformed: "filter value",
	},
	{
		name: "equality, empty", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 22  # LDAPMessage
			  02 01 02  # 2
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a3 00 30 00  # "ou=Users" 2 3 0 0 FALSE equalityMatch {} SEQUENCE {}`,
		malformed: "filter attribute",
	},
	{
		name: "equality, type is an integer", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 28  # LDAPMessage
			  02 01 02  # 2
			  63 23  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 06 02 01 01 04 01 78 30 00  # equalityMatch {1 "x"} SEQUENCE {}`,
		malformed: "filter attribute",
	},
	{
		name: "equality, value is an integer", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 02 01 01 30 00  # equalityMatch {"uid" 1} SEQUENCE {}`,
		malformed: "filter value",
	},
	{
		name: "equality, octets behind the value", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2d  # LDAPMessage
			  02 01 02  # 2
			  63 28  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 0b 04 03 75 69 64 04 01 78 04 01 79 30 00  # equalityMatch {"uid" "x" "y"} SEQUENCE {}`,
		malformed: "octets behind the value",
	},
	{
		name: "substrings without list", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 27  # LDAPMessage
			  02 01 02  # 2
			  63 22  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 05 04 03 75 69 64 30 00  # substrings {"uid"} SEQUENCE {}`,
		malformed: "substrings",
	},
	{
		name: "substrings, type is an integer", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 27  # LDAPMessage
			  02 01 02  # 2
			  63 22  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 05 02 01 01 30 00 30 00  # substrings {1 SEQUENCE {}} SEQUENCE {}`,
		malformed: "substrings attribute",
	},
	{
		name: "substrings, list is a set", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a 04 03 75 69 64 31 03 80 01 61 30 00  # substrings {"uid" SET {initial "a"}} SEQUENCE {}`,
		malformed: "substrings",
	},
	{
		name: "substrings, octets behind the list", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 03 80 01 61 81 01 62 30 00  # substrings {"uid" SEQUENCE {initial "a"} any "b"} SEQUENCE {}`,
		malformed: "octets behind the list",
	},
	{
		name: "substrings, initial twice", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 06 80 01 61 80 01 62 30 00  # substrings {"uid" SEQUENCE {initial "a" initial "b"}} SEQUENCE {}`,
		malformed: "initial must come first",
	},
	{
		name: "substrings, initial behind any", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 06 81 01 61 80 01 62 30 00  # substrings {"uid" SEQUENCE {any "a" initial "b"}} SEQUENCE {}`,
		malformed: "initial must come first",
	},
	{
		name: "substrings, final before any", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 06 82 01 61 81 01 62 30 00  # substrings {"uid" SEQUENCE {final "a" any "b"}} SEQUENCE {}`,
		malformed: "initial must come first",
	},
	{
		name: "substrings, final twice", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0d 04 03 75 69 64 30 06 82 01 61 82 01 62 30 00  # substrings {"uid" SEQUENCE {final "a" final "b"}} SEQUENCE {}`,
		malformed: "initial must come first",
	},
	{
		name: "substrings, unknown piece", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a 04 03 75 69 64 30 03 83 01 61 30 00  # substrings {"uid" SEQUENCE {"a"}} SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "substrings, universal piece", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a 04 03 75 69 64 30 03 04 01 61 30 00  # substrings {"uid" SEQUENCE {"a"}} SEQUENCE {}`,
		malformed: "unknown choice",
	},
	{
		name: "substrings, truncated piece", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2c  # LDAPMessage
			  02 01 02  # 2
			  63 27  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 0a  # substrings
			      04 03 75 69 64  # "uid"
			      30 03  # SEQUENCE
			        81 05 61
			    30 00  # SEQUENCE {}`,
		malformed: "substring",
	},
	{
		name: "extensible, empty", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 22  # LDAPMessage
			  02 01 02  # 2
			  63 1d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a9 00 30 00  # "ou=Users" 2 3 0 0 FALSE extensibleMatch {} SEQUENCE {}`,
		malformed: "match value",
	},
	{
		name: "extensible without rule and type", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 25  # LDAPMessage
			  02 01 02  # 2
			  63 20  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a9 03 83 01 76  # "ou=Users" 2 3 0 0 FALSE extensibleMatch {value "v"}
			    30 00  # SEQUENCE {}`,
		malformed: "needs a rule or a type",
	},
	{
		name: "extensible with empty rule and type", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 07 81 00 82 00 83 01 76 30 00  # extensibleMatch {rule "" type "" value "v"} SEQUENCE {}`,
		malformed: "needs a rule or a type",
	},
	{
		name: "extensible without value", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 30  # LDAPMessage
			  02 01 02  # 2
			  63 2b  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0e 81 08 32 2e 35 2e 31 33 2e 35 82 02 63 6e 30 00  # extensibleMatch {rule "2.5.13.5" type "cn"} SEQUENCE {}`,
		malformed: "match value",
	},
	{
		name: "extensible, rule behind the type", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 33  # LDAPMessage
			  02 01 02  # 2
			  63 2e  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 11 82 02 63 6e 81 08 32 2e 35 2e 31 33 2e 35 83 01 76 30 00  # extensibleMatch {type "cn" rule "2.5.13.5" value "v"} SEQUENCE {}`,
		malformed: "match value",
	},
	{
		name: "extensible, dnAttributes of two octets", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2d  # LDAPMessage
			  02 01 02  # 2
			  63 28  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0b 82 02 63 6e 83 01 76 84 02 ff ff 30 00  # extensibleMatch {type "cn" value "v" dnAttributes } SEQUENCE {}`,
		malformed: "dnAttributes",
	},
	{
		name: "extensible, octets behind", source: "RFC 4511 section 4.5.1.7",
		wire: `
			30 2f  # LDAPMessage
			  02 01 02  # 2
			  63 2a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a9 0d 82 02 63 6e 83 01 76 84 01 ff 83 01 77 30 00  # extensibleMatch {type "cn" value "v" dnAttributes  value "w"} SEQUENCE {}`,
		malformed: "nothing behind",
	},
	{
		name: "search, base is an integer", source: "RFC 4511 section 4.5.1",
		wire: `
			30 23  # LDAPMessage
			  02 01 02  # 2
			  63 1e  # SearchRequest
			    02 01 01 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00 a3 08 04 03 75 69 64 04 01 78 30 00  # 1 2 3 0 0 FALSE equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search base",
	},
	{
		name: "search, scope is an integer", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 02 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search scope",
	},
	{
		name: "search, scope 4", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 04 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 4 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "not a known scope",
	},
	{
		name: "search, scope -1", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 ff 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" -1 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "not a known scope",
	},
	{
		name: "search, derefAliases 4", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 04 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 4 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search derefAliases",
	},
	{
		name: "search, derefAliases -1", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 ff 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 -1 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search derefAliases",
	},
	{
		name: "search, derefAliases is a boolean", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 01 01 ff 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 TRUE 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search derefAliases",
	},
	{
		name: "search, size limit -1", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 ff 02 01 00 01 01 00  # "ou=Users" 2 3 -1 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search size limit",
	},
	{
		name: "search, size limit 2^31", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 05 00 80 00 00 00 02 01 00 01 01 00  # "ou=Users" 2 3 2147483648 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search size limit",
	},
	{
		name: "search, size limit is an octet string", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 04 01 31 02 01 00 01 01 00  # "ou=Users" 2 3 "1" 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search size limit",
	},
	{
		name: "search, time limit -1", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 ff 01 01 00  # "ou=Users" 2 3 0 -1 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search time limit",
	},
	{
		name: "search, time limit is a null", source: "RFC 4511 section 4.5.1",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 05 00 01 01 00  # "ou=Users" 2 3 0 "" FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search time limit",
	},
	{
		name: "search, typesOnly is an integer", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 02 01 00  # "ou=Users" 2 3 0 0 0
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search typesOnly",
	},
	{
		name: "search, typesOnly of no octets", source: "RFC 4511 section 4.5.1",
		wire: `
			30 29  # LDAPMessage
			  02 01 02  # 2
			  63 24  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 00  # "ou=Users" 2 3 0 0 BOOLEAN
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		malformed: "search typesOnly",
	},
	{
		name: "search, attribute list is a set", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 31 04 04 02 63 6e  # equalityMatch {"uid" "x"} SET {"cn"}`,
		malformed: "attribute list",
	},
	{
		name: "search, attribute is an integer", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2d  # LDAPMessage
			  02 01 02  # 2
			  63 28  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 03 02 01 01  # equalityMatch {"uid" "x"} SEQUENCE {1}`,
		malformed: "attribute list",
	},
	{
		name: "search, attribute longer than the list", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78  # equalityMatch {"uid" "x"}
			    30 04  # SEQUENCE
			      04 09 63 6e`,
		malformed: "attribute list",
	},
	{
		name: "search, no attribute list", source: "RFC 4511 section 4.5.1",
		wire: `
			30 28  # LDAPMessage
			  02 01 02  # 2
			  63 23  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78  # equalityMatch {"uid" "x"}`,
		malformed: "attribute list",
	},
	{
		name: "search, octets behind the attribute list", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00 04 02 63 6e  # equalityMatch {"uid" "x"} SEQUENCE {} "cn"`,
		malformed: "octets behind the attribute list",
	},
	{
		name: "search, empty", source: "RFC 4511 section 4.5.1",
		wire: `
			30 05  # LDAPMessage
			  02 01 02 63 00  # 2 SearchRequest {}`,
		malformed: "search base",
	},
	{
		name: "search with the greatest limits", source: "RFC 4511 section 4.5.1",
		wire: `
			30 30  # LDAPMessage
			  02 01 02  # 2
			  63 2b  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 04 7f ff ff ff 02 04 7f ff ff ff  # "ou=Users" 2 3 2147483647 2147483647
			    01 01 00 a3 08 04 03 75 69 64 04 01 78 30 00  # FALSE equalityMatch {"uid" "x"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), SizeLimit: 2147483647, TimeLimit: 2147483647},
	},
	{
		name: "search with padded integers", source: "X.690 section 8.3: not the fewest octets",
		wire: `
			30 32  # LDAPMessage
			  02 01 02  # 2
			  63 2d  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 08 00 00 00 00 00 00 00 05 02 02 00 07  # "ou=Users" 2 3 5 7
			    01 01 00 a3 08 04 03 75 69 64 04 01 78 30 00  # FALSE equalityMatch {"uid" "x"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), SizeLimit: 5, TimeLimit: 7},
		lax: true,
	},
	{
		name: "search with typesOnly 1", source: "X.690 section 8.2.2",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 01  # "ou=Users" 2 3 0 0 TRUE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), TypesOnly: true},
		lax: true,
	},
	{
		name: "search with typesOnly", source: "RFC 4511 section 4.5.1",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 ff  # "ou=Users" 2 3 0 0 TRUE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), TypesOnly: true},
	},
	{
		name: "search of the subordinate subtree", source: "draft-sermersheim-ldap-subordinate-scope",
		wire: `
			30 2a  # LDAPMessage
			  02 01 02  # 2
			  63 25  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 03 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 3 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 00  # equalityMatch {"uid" "x"} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubordinate, Deref: 3, Filter: ldap.Equal("uid", "x")},
	},
	{
		name: "search for an attribute with an empty name", source: "389-ds issue 3028",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 04 04 00 04 00  # equalityMatch {"uid" "x"} SEQUENCE {"" ""}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), Attributes: []string{"", ""}},
	},
	{
		name: "filter as deep as the limit", source: "corpusLimits",
		wire: `
			30 38  # LDAPMessage
			  02 01 02  # 2
			  63 33  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a2 16 a2 14 a2 12 a2 10 a2 0e a2 0c a2 0a a3 08 04 03 75 69 64 04 01 78 30 00  # not {not {not {not {not {not {not {equalityMatch {"uid" "x"}}}}}}}} SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Not(ldap.Not(ldap.Not(ldap.Not(ldap.Not(ldap.Not(ldap.Not(ldap.Equal("uid", "x"))))))))},
	},
	{
		name: "filter one deeper than the limit", source: "CVE-2020-12243",
		wire: `
			30 3a  # LDAPMessage
			  02 01 02  # 2
			  63 35  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a2 18  # not
			      a2 16 a2 14 a2 12 a2 10 a2 0e a2 0c a2 0a a3 08 04 03 75 69 64 04 01 78  # not {not {not {not {not {not {not {equalityMatch {"uid" "x"}}}}}}}}
			    30 00  # SEQUENCE {}`,
		limit: "nesting",
	},
	{
		name: "as many terms as the limit", source: "corpusLimits",
		wire: `
			30 43  # LDAPMessage
			  02 01 02  # 2
			  63 3e  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a1 21  # or
			      87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61  # present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a"
			      87 01 61  # present "a"
			    30 00  # SEQUENCE {}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Or(ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"), ldap.Present("a"))},
	},
	{
		name: "one term too many", source: "CVE-2018-1089",
		wire: `
			30 46  # LDAPMessage
			  02 01 02  # 2
			  63 41  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a1 24  # or
			      87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61 87 01 61  # present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a" present "a"
			      87 01 61 87 01 61  # present "a" present "a"
			    30 00  # SEQUENCE {}`,
		limit: "filter_terms",
	},
	{
		name: "one substring piece too many", source: "each piece is a term",
		wire: `
			30 3f  # LDAPMessage
			  02 01 02  # 2
			  63 3a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a4 1d  # substrings
			      04 01 61  # "a"
			      30 18  # SEQUENCE
			        81 00 81 00 81 00 81 00 81 00 81 00 81 00 81 00 81 00 81 00 81 00 81 00  # any "" any "" any "" any "" any "" any "" any "" any "" any "" any "" any "" any ""
			    30 00  # SEQUENCE {}`,
		limit: "filter_terms",
	},
	{
		name: "as many attributes as the limit", source: "corpusLimits",
		wire: `
			30 3c  # LDAPMessage
			  02 01 02  # 2
			  63 37  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78 30 12 04 01 61 04 01 61 04 01 61 04 01 61 04 01 61 04 01 61  # equalityMatch {"uid" "x"} SEQUENCE {"a" "a" "a" "a" "a" "a"}`,
		id: 2, op: ldap.OpSearchRequest, value: ldap.SearchRequest{Base: "ou=Users", Scope: ldap.ScopeSubtree, Deref: 3, Filter: ldap.Equal("uid", "x"), Attributes: []string{"a", "a", "a", "a", "a", "a"}},
	},
	{
		name: "one attribute too many", source: "corpusLimits",
		wire: `
			30 3f  # LDAPMessage
			  02 01 02  # 2
			  63 3a  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a3 08 04 03 75 69 64 04 01 78  # equalityMatch {"uid" "x"}
			    30 15 04 01 61 04 01 61 04 01 61 04 01 61 04 01 61 04 01 61 04 01 61  # SEQUENCE {"a" "a" "a" "a" "a" "a" "a"}`,
		limit: "attributes",
	},

	// Answers to a search, RFC 4511 sections 4.5.2 and 4.5.3.
	{
		name: "entry", source: "RFC 4511 section 4.5.2",
		wire: `
			30 50  # LDAPMessage
			  02 01 02  # 2
			  64 4b  # SearchResultEntry
			    04 0e 75 69 64 3d 78 2c 6f 75 3d 55 73 65 72 73  # "uid=x,ou=Users"
			    30 39  # SEQUENCE
			      30 09 04 02 63 6e 31 03 04 01 61  # SEQUENCE {"cn" SET {"a"}}
			      30 18  # SEQUENCE
			        04 06 6d 65 6d 62 65 72 31 0e 04 05 75 69 64 3d 61 04 05 75 69 64 3d 62  # "member" SET {"uid=a" "uid=b"}
			      30 12 04 09 6a 70 65 67 50 68 6f 74 6f 31 05 04 03 ff d8 00  # SEQUENCE {"jpegPhoto" SET {...}}`,
		id: 2, op: ldap.OpSearchResultEntry, value: entry{"uid=x,ou=Users", []attribute{{"cn", []string{"a"}}, {"member", []string{"uid=a", "uid=b"}}, {"jpegPhoto", []string{"\xff\xd8\x00"}}}},
	},
	{
		name: "entry with no name and no attributes", source: "RFC 4511 section 4.5.2",
		wire: `
			30 09  # LDAPMessage
			  02 01 02 64 04 04 00 30 00  # 2 SearchResultEntry {"" SEQUENCE {}}`,
		id: 2, op: ldap.OpSearchResultEntry, value: entry{},
	},
	{
		name: "entry with attributes but no values", source: "RFC 4511 section 4.5.2: typesOnly",
		wire: `
			30 21  # LDAPMessage
			  02 01 02  # 2
			  64 1c  # SearchResultEntry
			    04 04 63 6e 3d 61 30 14 30 06 04 02 63 6e 31 00 30 0a 04 06 6d 65 6d 62 65 72 31 00  # "cn=a" SEQUENCE {SEQUENCE {"cn" SET {}} SEQUENCE {"member" SET {}}}`,
		id: 2, op: ldap.OpSearchResultEntry, value: entry{"cn=a", []attribute{{"cn", nil}, {"member", nil}}},
	},
	{
		name: "entry with every length in five octets", source: "Active Directory writes lengths so",
		wire: `
			30 84 00 00 00 34  # LDAPMessage
			  02 01 02  # 2
			  64 84 00 00 00 2b  # SearchResultEntry
			    04 84 00 00 00 04 63 6e 3d 61  # "cn=a"
			    30 84 00 00 00 1b  # SEQUENCE
			      30 84 00 00 00 15  # SEQUENCE
			        04 84 00 00 00 02 63 6e 31 84 00 00 00 07 04 84 00 00 00 01 61  # "cn" SET {"a"}`,
		id: 2, op: ldap.OpSearchResultEntry, value: entry{"cn=a", []attribute{{"cn", []string{"a"}}}},
		lax: true,
	},
	{
		name: "entry, empty", source: "RFC 4511 section 4.5.2",
		wire: `
			30 05  # LDAPMessage
			  02 01 02 64 00  # 2 SearchResultEntry {}`,
		malformed: "entry name",
	},
	{
		name: "entry, name is an integer", source: "RFC 4511 section 4.5.2",
		wire: `
			30 0a  # LDAPMessage
			  02 01 02 64 05 02 01 01 30 00  # 2 SearchResultEntry {1 SEQUENCE {}}`,
		malformed: "entry name",
	},
	{
		name: "entry without attribute list", source: "RFC 4511 section 4.5.2",
		wire: `
			30 0b  # LDAPMessage
			  02 01 02 64 06 04 04 63 6e 3d 61  # 2 SearchResultEntry {"cn=a"}`,
		malformed: "entry attributes",
	},
	{
		name: "entry, octets behind the list", source: "RFC 4511 section 4.5.2",
		wire: `
			30 0f  # LDAPMessage
			  02 01 02 64 0a 04 04 63 6e 3d 61 30 00 30 00  # 2 SearchResultEntry {"cn=a" SEQUENCE {} SEQUENCE {}}`,
		malformed: "octets behind the attributes",
	},
	{
		name: "entry, attribute is an octet string", source: "RFC 4511 section 4.5.2",
		wire: `
			30 11  # LDAPMessage
			  02 01 02 64 0c 04 04 63 6e 3d 61 30 04 04 02 63 6e  # 2 SearchResultEntry {"cn=a" SEQUENCE {"cn"}}`,
		malformed: "attribute",
	},
	{
		name: "entry, attribute without values", source: "RFC 4511 section 4.5.2",
		wire: `
			30 13  # LDAPMessage
			  02 01 02 64 0e 04 04 63 6e 3d 61 30 06 30 04 04 02 63 6e  # 2 SearchResultEntry {"cn=a" SEQUENCE {SEQUENCE {"cn"}}}`,
		malformed: "attribute values",
	},
	{
		name: "entry, description is an integer", source: "RFC 4511 section 4.5.2",
		wire: `
			30 14  # LDAPMessage
			  02 01 02 64 0f 04 04 63 6e 3d 61 30 07 30 05 02 01 01 31 00  # 2 SearchResultEntry {"cn=a" SEQUENCE {SEQUENCE {1 SET {}}}}`,
		malformed: "attribute description",
	},
	{
		name: "entry, values are a sequence", source: "RFC 4511 section 4.5.2",
		wire: `
			30 18  # LDAPMessage
			  02 01 02 64 13 04 04 63 6e 3d 61 30 0b 30 09 04 02 63 6e 30 03 04 01 61  # 2 SearchResultEntry {"cn=a" SEQUENCE {SEQUENCE {"cn" SEQUENCE {"a"}}}}`,
		malformed: "attribute values",
	},
	{
		name: "entry, value is an integer", source: "RFC 4511 section 4.5.2",
		wire: `
			30 1b  # LDAPMessage
			  02 01 02 64 16 04 04 63 6e 3d 61 30 0e 30 0c 04 02 63 6e 31 06 04 01 61 02 01 01  # 2 SearchResultEntry {"cn=a" SEQUENCE {SEQUENCE {"cn" SET {"a" 1}}}}`,
		malformed: "attribute value",
	},
	{
		name: "entry, octets behind the values", source: "RFC 4511 section 4.5.2",
		wire: `
			30 17  # LDAPMessage
			  02 01 02 64 12 04 04 63 6e 3d 61 30 0a 30 08 04 02 63 6e 31 00 31 00  # 2 SearchResultEntry {"cn=a" SEQUENCE {SEQUENCE {"cn" SET {} SET {}}}}`,
		malformed: "octets behind the values",
	},
	{
		name: "entry, value longer than the set", source: "RFC 4511 section 4.5.2",
		wire: `
			30 18  # LDAPMessage
			  02 01 02  # 2
			  64 13  # SearchResultEntry
			    04 04 63 6e 3d 61  # "cn=a"
			    30 0b  # SEQUENCE
			      30 09  # SEQUENCE
			        04 02 63 6e  # "cn"
			        31 03  # SET
			          04 09 61`,
		malformed: "attribute value",
	},
	{
		name: "reference", source: "RFC 4511 section 4.5.3",
		wire: `
			30 14  # LDAPMessage
			  02 01 02 73 0f 04 0d 6c 64 61 70 3a 2f 2f 61 2f 64 63 3d 62  # 2 SearchResultReference {"ldap://a/dc=b"}`,
		id: 2, op: ldap.OpSearchResultReference, value: raw("\x04\x0dldap://a/dc=b"),
	},
	{
		name: "done", source: "RFC 4511 section 4.5.2",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 65 07 0a 01 00 04 00 04 00  # 2 SearchResultDone {0 "" ""}`,
		id: 2, op: ldap.OpSearchResultDone, value: result{},
	},
	{
		name: "done, no such object", source: "RFC 4511 section 4.5.2",
		wire: `
			30 14  # LDAPMessage
			  02 01 02 65 0f 0a 01 20 04 08 6f 75 3d 55 73 65 72 73 04 00  # 2 SearchResultDone {32 "ou=Users" ""}`,
		id: 2, op: ldap.OpSearchResultDone, value: result{Result: ldap.Result{Code: 32, MatchedDN: "ou=Users"}},
	},
	{
		name: "done with a page cookie", source: "RFC 2696 section 3",
		wire: `
			30 33  # LDAPMessage
			  02 01 02 65 07 0a 01 00 04 00 04 00  # 2 SearchResultDone {0 "" ""}
			  a0 25  # controls
			    30 23  # SEQUENCE
			      04 16 31 2e 32 2e 38 34 30 2e 31 31 33 35 35 36 2e 31 2e 34 2e 33 31 39  # "1.2.840.113556.1.4.319"
			      04 09 30 07 02 01 00 04 02 63 31  # ...`,
		id: 2, op: ldap.OpSearchResultDone, value: result{},
		controls: []ldap.Control{{OID: ldap.OIDPagedResults, HasValue: true, Value: "\x30\x07\x02\x01\x00\x04\x02c1"}},
	},
	{
		name: "done, a referral", source: "RFC 4511 section 4.1.10",
		wire: `
			30 18  # LDAPMessage
			  02 01 02 65 13 0a 01 0a 04 00 04 00 a3 0a 04 08 6c 64 61 70 3a 2f 2f 61  # 2 SearchResultDone {10 "" "" [3] {"ldap://a"}}`,
		id: 2, op: ldap.OpSearchResultDone, value: result{Result: ldap.Result{Code: 10}, Rest: "\xa3\x0a\x04\x08ldap://a"},
	},
	{
		name: "done, a code of two octets", source: "CANCEL, RFC 3909 section 2.3",
		wire: `
			30 0d  # LDAPMessage
			  02 01 02 65 08 0a 02 41 0e 04 00 04 00  # 2 SearchResultDone {16654 "" ""}`,
		id: 2, op: ldap.OpSearchResultDone, value: result{Result: ldap.Result{Code: 16654}},
	},
	{
		name: "done, empty", source: "RFC 4511 section 4.1.9",
		wire: `
			30 05  # LDAPMessage
			  02 01 02 65 00  # 2 SearchResultDone {}`,
		malformed: "result code",
	},
	{
		name: "done, code is an integer", source: "RFC 4511 section 4.1.9",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 65 07 02 01 00 04 00 04 00  # 2 SearchResultDone {0 "" ""}`,
		malformed: "result code",
	},
	{
		name: "done, negative code", source: "RFC 4511 section 4.1.9",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 65 07 0a 01 ff 04 00 04 00  # 2 SearchResultDone {-1 "" ""}`,
		malformed: "result code: negative",
	},
	{
		name: "done without matchedDN", source: "RFC 4511 section 4.1.9",
		wire: `
			30 08  # LDAPMessage
			  02 01 02 65 03 0a 01 00  # 2 SearchResultDone {0}`,
		malformed: "matchedDN",
	},
	{
		name: "done without diagnostic", source: "RFC 4511 section 4.1.9",
		wire: `
			30 0a  # LDAPMessage
			  02 01 02 65 05 0a 01 00 04 00  # 2 SearchResultDone {0 ""}`,
		malformed: "diagnostic message",
	},

	// Compare, RFC 4511 section 4.10.
	{
		name: "compare", source: "JNDI, measured",
		wire: `
			30 3b  # LDAPMessage
			  02 01 06  # 6
			  6e 19  # CompareRequest
			    04 04 63 6e 3d 67 30 11 04 09 6d 65 6d 62 65 72 55 69 64 04 04 6a 64 6f 65  # "cn=g" SEQUENCE {"memberUid" "jdoe"}
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 6, op: ldap.OpCompareRequest, value: ldap.CompareRequest{DN: "cn=g", Attr: "memberUid", Value: "jdoe"},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "compare of nothing", source: "RFC 4511 section 4.10",
		wire: `
			30 0d  # LDAPMessage
			  02 01 06 6e 08 04 00 30 04 04 00 04 00  # 6 CompareRequest {"" SEQUENCE {"" ""}}`,
		id: 6, op: ldap.OpCompareRequest, value: ldap.CompareRequest{},
	},
	{
		name: "compare of a password", source: "RFC 4511 section 4.10",
		wire: `
			30 24  # LDAPMessage
			  02 01 06  # 6
			  6e 1f  # CompareRequest
			    04 05 75 69 64 3d 78  # "uid=x"
			    30 16 04 0c 75 73 65 72 50 61 73 73 77 6f 72 64 04 06 73 65 63 72 65 74  # SEQUENCE {"userPassword" "secret"}`,
		id: 6, op: ldap.OpCompareRequest, value: ldap.CompareRequest{DN: "uid=x", Attr: "userPassword", Value: "secret"},
	},
	{
		name: "compare, empty", source: "RFC 4511 section 4.10",
		wire: `
			30 05  # LDAPMessage
			  02 01 06 6e 00  # 6 CompareRequest {}`,
		malformed: "compare entry",
	},
	{
		name: "compare, entry is an integer", source: "RFC 4511 section 4.10",
		wire: `
			30 10  # LDAPMessage
			  02 01 06 6e 0b 02 01 01 30 06 04 01 61 04 01 62  # 6 CompareRequest {1 SEQUENCE {"a" "b"}}`,
		malformed: "compare entry",
	},
	{
		name: "compare without assertion", source: "RFC 4511 section 4.10",
		wire: `
			30 0b  # LDAPMessage
			  02 01 06 6e 06 04 04 63 6e 3d 67  # 6 CompareRequest {"cn=g"}`,
		malformed: "compare assertion",
	},
	{
		name: "compare, assertion is a set", source: "RFC 4511 section 4.10",
		wire: `
			30 13  # LDAPMessage
			  02 01 06 6e 0e 04 04 63 6e 3d 67 31 06 04 01 61 04 01 62  # 6 CompareRequest {"cn=g" SET {"a" "b"}}`,
		malformed: "compare assertion",
	},
	{
		name: "compare, type is an integer", source: "RFC 4511 section 4.10",
		wire: `
			30 13  # LDAPMessage
			  02 01 06 6e 0e 04 04 63 6e 3d 67 30 06 02 01 01 04 01 62  # 6 CompareRequest {"cn=g" SEQUENCE {1 "b"}}`,
		malformed: "compare attribute",
	},
	{
		name: "compare without value", source: "RFC 4511 section 4.10",
		wire: `
			30 10  # LDAPMessage
			  02 01 06 6e 0b 04 04 63 6e 3d 67 30 03 04 01 61  # 6 CompareRequest {"cn=g" SEQUENCE {"a"}}`,
		malformed: "compare value",
	},
	{
		name: "compare, octets behind the value", source: "RFC 4511 section 4.10",
		wire: `
			30 16  # LDAPMessage
			  02 01 06 6e 11 04 04 63 6e 3d 67 30 09 04 01 61 04 01 62 04 01 63  # 6 CompareRequest {"cn=g" SEQUENCE {"a" "b" "c"}}`,
		malformed: "octets behind the assertion",
	},
	{
		name: "compare, octets behind the assertion", source: "RFC 4511 section 4.10",
		wire: `
			30 16  # LDAPMessage
			  02 01 06 6e 11 04 04 63 6e 3d 67 30 06 04 01 61 04 01 62 04 01 63  # 6 CompareRequest {"cn=g" SEQUENCE {"a" "b"} "c"}`,
		malformed: "octets behind the assertion",
	},
	{
		name: "compare response", source: "RFC 4511 section 4.10",
		wire: `
			30 0c  # LDAPMessage
			  02 01 06 6f 07 0a 01 06 04 00 04 00  # 6 CompareResponse {6 "" ""}`,
		id: 6, op: ldap.OpCompareResponse, value: result{Result: ldap.Result{Code: 6}},
	},

	// Extended operations, RFC 4511 section 4.12.
	{
		name: "StartTLS", source: "JNDI, measured",
		wire: `
			30 3a  # LDAPMessage
			  02 01 09  # 9
			  77 18  # ExtendedRequest
			    80 16 31 2e 33 2e 36 2e 31 2e 34 2e 31 2e 31 34 36 36 2e 32 30 30 33 37  # "1.3.6.1.4.1.1466.20037"
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 9, op: ldap.OpExtendedRequest, value: ldap.ExtendedRequest{OID: ldap.OIDStartTLS},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "WhoAmI", source: "ldapwhoami, measured",
		wire: `
			30 1e  # LDAPMessage
			  02 01 02  # 2
			  77 19  # ExtendedRequest
			    80 17 31 2e 33 2e 36 2e 31 2e 34 2e 31 2e 34 32 30 33 2e 31 2e 31 31 2e 33  # "1.3.6.1.4.1.4203.1.11.3"`,
		id: 2, op: ldap.OpExtendedRequest, value: ldap.ExtendedRequest{OID: ldap.OIDWhoAmI},
	},
	{
		name: "extended request with an empty value", source: "RFC 4511 section 4.12",
		wire: `
			30 0e  # LDAPMessage
			  02 01 02 77 09 80 05 31 2e 32 2e 33 81 00  # 2 ExtendedRequest {"1.2.3" ""}`,
		id: 2, op: ldap.OpExtendedRequest, value: ldap.ExtendedRequest{OID: "1.2.3", HasValue: true, Value: []byte{}},
	},
	{
		name: "password modification", source: "RFC 3062 section 2",
		wire: `
			30 33  # LDAPMessage
			  02 01 02  # 2
			  77 2e  # ExtendedRequest
			    80 17 31 2e 33 2e 36 2e 31 2e 34 2e 31 2e 34 32 30 33 2e 31 2e 31 31 2e 31  # "1.3.6.1.4.1.4203.1.11.1"
			    81 13 30 11 80 05 75 69 64 3d 78 81 03 6f 6c 64 82 03 6e 65 77  # ...`,
		id: 2, op: ldap.OpExtendedRequest, value: ldap.ExtendedRequest{OID: "1.3.6.1.4.1.4203.1.11.1", HasValue: true, Value: []byte("\x30\x11\x80\x05uid=x\x81\x03old\x82\x03new")},
	},
	{
		name: "extended request, empty", source: "RFC 4511 section 4.12",
		wire: `
			30 05  # LDAPMessage
			  02 01 02 77 00  # 2 ExtendedRequest {}`,
		malformed: "extended request name",
	},
	{
		name: "extended request, name is a universal octet string", source: "RFC 4511 section 4.12",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 77 07 04 05 31 2e 32 2e 33  # 2 ExtendedRequest {"1.2.3"}`,
		malformed: "extended request name",
	},
	{
		name: "extended request, unknown element", source: "RFC 4511 section 4.12",
		wire: `
			30 0f  # LDAPMessage
			  02 01 02 77 0a 80 05 31 2e 32 2e 33 82 01 76  # 2 ExtendedRequest {"1.2.3" "v"}`,
		malformed: "octets behind the value",
	},
	{
		name: "extended request, octets behind the value", source: "RFC 4511 section 4.12",
		wire: `
			30 12  # LDAPMessage
			  02 01 02 77 0d 80 05 31 2e 32 2e 33 81 01 76 81 01 77  # 2 ExtendedRequest {"1.2.3" "v" "w"}`,
		malformed: "octets behind the value",
	},
	{
		name: "extended request, truncated value", source: "RFC 4511 section 4.12",
		wire: `
			30 0f  # LDAPMessage
			  02 01 02  # 2
			  77 0a  # ExtendedRequest
			    80 05 31 2e 32 2e 33  # "1.2.3"
			    81 09 76`,
		malformed: "extended request value",
	},
	{
		name: "extended response", source: "RFC 4511 section 4.12",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 78 07 0a 01 00 04 00 04 00  # 2 ExtendedResponse {0 "" ""}`,
		id: 2, op: ldap.OpExtendedResponse, value: extended{},
	},
	{
		name: "WhoAmI response", source: "RFC 4532 section 2.2",
		wire: `
			30 16  # LDAPMessage
			  02 01 02 78 11 0a 01 00 04 00 04 00 8b 08 64 6e 3a 75 69 64 3d 78  # 2 ExtendedResponse {0 "" "" "dn:uid=x"}`,
		id: 2, op: ldap.OpExtendedResponse, value: extended{Value: []byte("dn:uid=x")},
	},
	{
		name: "StartTLS response", source: "RFC 4511 section 4.14",
		wire: `
			30 24  # LDAPMessage
			  02 01 02  # 2
			  78 1f  # ExtendedResponse
			    0a 01 00 04 00 04 00  # 0 "" ""
			    8a 16 31 2e 33 2e 36 2e 31 2e 34 2e 31 2e 31 34 36 36 2e 32 30 30 33 37  # "1.3.6.1.4.1.1466.20037"`,
		id: 2, op: ldap.OpExtendedResponse, value: extended{Name: ldap.OIDStartTLS},
	},
	{
		name: "extended response with an empty value", source: "RFC 4511 section 4.12",
		wire: `
			30 15  # LDAPMessage
			  02 01 02 78 10 0a 01 00 04 00 04 00 8a 05 31 2e 32 2e 33 8b 00  # 2 ExtendedResponse {0 "" "" "1.2.3" ""}`,
		id: 2, op: ldap.OpExtendedResponse, value: extended{Name: "1.2.3", Value: []byte{}},
	},
	{
		name: "notice of disconnection", source: "RFC 4511 section 4.4.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 00  # 0
			  78 29  # ExtendedResponse
			    0a 01 34 04 00 04 0a 67 6f 69 6e 67 20 64 6f 77 6e  # 52 "" "going down"
			    8a 16 31 2e 33 2e 36 2e 31 2e 34 2e 31 2e 31 34 36 36 2e 32 30 30 33 36  # "1.3.6.1.4.1.1466.20036"`,
		id: 0, op: ldap.OpExtendedResponse, value: extended{Result: ldap.Result{Code: 52, Diagnostic: "going down"}, Name: ldap.OIDNoticeOfDisconnection},
	},

	// Operations that are carried, not decoded.
	{
		name: "modify", source: "RFC 4511 section 4.6",
		wire: `
			30 2d  # LDAPMessage
			  02 01 02  # 2
			  66 28  # ModifyRequest
			    04 05 75 69 64 3d 78  # "uid=x"
			    30 1f  # SEQUENCE
			      30 1d  # SEQUENCE
			        0a 01 02  # 2
			        30 18  # SEQUENCE
			          04 0c 75 73 65 72 50 61 73 73 77 6f 72 64 31 08 04 06 73 65 63 72 65 74  # "userPassword" SET {"secret"}`,
		id: 2, op: ldap.OpModifyRequest, value: raw("\x04\x05uid=x\x30\x1f\x30\x1d\x0a\x01\x02\x30\x18\x04\x0cuserPassword\x31\x08\x04\x06secret"),
	},
	{
		name: "add", source: "RFC 4511 section 4.7",
		wire: `
			30 19  # LDAPMessage
			  02 01 02 68 14 04 05 75 69 64 3d 78 30 0b 30 09 04 02 63 6e 31 03 04 01 61  # 2 AddRequest {"uid=x" SEQUENCE {SEQUENCE {"cn" SET {"a"}}}}`,
		id: 2, op: ldap.OpAddRequest, value: raw("\x04\x05uid=x\x30\x0b\x30\x09\x04\x02cn\x31\x03\x04\x01a"),
	},
	{
		name: "delete", source: "RFC 4511 section 4.8",
		wire: `
			30 0a  # LDAPMessage
			  02 01 02 4a 05 75 69 64 3d 78  # 2 DelRequest "uid=x"`,
		id: 2, op: ldap.OpDelRequest, value: raw("uid=x"),
	},
	{
		name: "rename", source: "RFC 4511 section 4.9",
		wire: `
			30 16  # LDAPMessage
			  02 01 02 6c 11 04 05 75 69 64 3d 78 04 05 75 69 64 3d 79 01 01 ff  # 2 ModifyDNRequest {"uid=x" "uid=y" TRUE}`,
		id: 2, op: ldap.OpModifyDNRequest, value: raw("\x04\x05uid=x\x04\x05uid=y\x01\x01\xff"),
	},
	{
		name: "modify response", source: "RFC 4511 section 4.6",
		wire: `
			30 15  # LDAPMessage
			  02 01 02 67 10 0a 01 35 04 00 04 09 72 65 61 64 2d 6f 6e 6c 79  # 2 ModifyResponse {53 "" "read-only"}`,
		id: 2, op: ldap.OpModifyResponse, value: result{Result: ldap.Result{Code: 53, Diagnostic: "read-only"}},
	},
	{
		name: "intermediate response", source: "RFC 4511 section 4.13",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 79 07 80 05 31 2e 32 2e 33  # 2 IntermediateResponse {"1.2.3"}`,
		id: 2, op: ldap.OpIntermediateResponse, value: raw("\x80\x051.2.3"),
	},
	{
		name: "operation without a name", source: "application tag 30",
		wire: `
			30 05  # LDAPMessage
			  02 01 02 7e 00  # 2 [30] {}`,
		id: 2, op: 0x7e, value: raw(""),
	},

	// The envelope, RFC 4511 section 4.1.1.
	{
		name: "message ID 0", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 05  # LDAPMessage
			  02 01 00 42 00  # 0 UnbindRequest ""`,
		id: 0, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 127", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 05  # LDAPMessage
			  02 01 7f 42 00  # 127 UnbindRequest ""`,
		id: 127, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 128", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 06  # LDAPMessage
			  02 02 00 80 42 00  # 128 UnbindRequest ""`,
		id: 128, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 32767", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 06  # LDAPMessage
			  02 02 7f ff 42 00  # 32767 UnbindRequest ""`,
		id: 32767, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 32768", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 07  # LDAPMessage
			  02 03 00 80 00 42 00  # 32768 UnbindRequest ""`,
		id: 32768, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 8388607", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 07  # LDAPMessage
			  02 03 7f ff ff 42 00  # 8388607 UnbindRequest ""`,
		id: 8388607, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 8388608", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 08  # LDAPMessage
			  02 04 00 80 00 00 42 00  # 8388608 UnbindRequest ""`,
		id: 8388608, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID 2147483647", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 08  # LDAPMessage
			  02 04 7f ff ff ff 42 00  # 2147483647 UnbindRequest ""`,
		id: 2147483647, op: ldap.OpUnbindRequest, value: nothing{},
	},
	{
		name: "message ID with leading zeros", source: "X.690 section 8.3: not the fewest octets",
		wire: `
			30 0c  # LDAPMessage
			  02 08 00 00 00 00 00 00 00 01 42 00  # 1 UnbindRequest ""`,
		id: 1, op: ldap.OpUnbindRequest, value: nothing{},
		lax: true,
	},
	{
		name: "message ID -1", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 05  # LDAPMessage
			  02 01 ff 42 00  # -1 UnbindRequest ""`,
		malformed: "message ID: negative",
	},
	{
		name: "message ID -2^31", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 08  # LDAPMessage
			  02 04 80 00 00 00 42 00  # -2147483648 UnbindRequest ""`,
		malformed: "message ID: negative",
	},
	{
		name: "message ID 2^31", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 09  # LDAPMessage
			  02 05 00 80 00 00 00 42 00  # 2147483648 UnbindRequest ""`,
		malformed: "message ID",
	},
	{
		name: "message ID of nine octets", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 0d  # LDAPMessage
			  02 09 00 00 00 00 00 00 00 00 01 42 00  # 1 UnbindRequest ""`,
		malformed: "message ID",
	},
	{
		name: "message ID of no octets", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 04  # LDAPMessage
			  02 00 42 00  # INTEGER UnbindRequest ""`,
		malformed: "message ID",
	},
	{
		name: "message ID is an enumerated", source: "RFC 4511 section 4.1.1.1",
		wire: `
			30 05  # LDAPMessage
			  0a 01 01 42 00  # 1 UnbindRequest ""`,
		malformed: "message ID",
	},
	{
		name: "empty message", source: "RFC 4511 section 4.1.1",
		wire: `
			30 00  # LDAPMessage`,
		malformed: "message ID",
	},
	{
		name: "message without operation", source: "RFC 4511 section 4.1.1",
		wire: `
			30 03  # LDAPMessage
			  02 01 01  # 1`,
		malformed: "operation",
	},
	{
		name: "operation longer than the message", source: "RFC 4511 section 4.1.1",
		wire: `
			30 07  # LDAPMessage
			  02 01 01  # 1
			  63 20 04 00`,
		malformed: "operation",
	},
	{
		name: "operation with a tag number above 30", source: "RFC 4511 section 4.1.1",
		wire: `
			30 06  # LDAPMessage
			  02 01 01  # 1
			  7f 20 00`,
		malformed: "operation",
	},
	{
		name: "operation of indefinite length", source: "RFC 4511 section 5.1",
		wire: `
			30 09  # LDAPMessage
			  02 01 01  # 1
			  63 80 04 00 00 00`,
		malformed: "indefinite",
	},
	{
		name: "message of indefinite length", source: "RFC 4511 section 5.1",
		wire: `
			30 80 02 01 01 42 00 00 00`,
		malformed: "indefinite",
	},
	{
		name: "indefinite length inside", source: "RFC 4511 section 5.1",
		wire: `
			30 2e  # LDAPMessage
			  02 01 02  # 2
			  63 29  # SearchRequest
			    04 08 6f 75 3d 55 73 65 72 73 0a 01 02 0a 01 03 02 01 00 02 01 00 01 01 00  # "ou=Users" 2 3 0 0 FALSE
			    a0 80 a3 08 04 03 75 69 64 04 01 78 00 00 30 00`,
		malformed: "indefinite",
	},
	{
		name: "message is a set", source: "RFC 4511 section 4.1.1",
		wire: `
			31 05  # LDAPMessage
			  02 01 01 42 00  # 1 UnbindRequest ""`,
		malformed: "envelope",
	},
	{
		name: "octets behind the message", source: "RFC 4511 section 4.1.1",
		wire: `
			30 05  # LDAPMessage
			  02 01 01 42 00  # 1 UnbindRequest ""
			00`,
		malformed: "octets behind the message",
	},
	{
		name: "message cut short", source: "RFC 4511 section 4.1.1",
		wire: `
			30 05 02 01 01 42`,
		malformed: "envelope",
	},
	{
		name: "element behind the controls", source: "RFC 4511 section 4.1.1",
		wire: `
			30 24  # LDAPMessage
			  02 01 01 42 00  # 1 UnbindRequest ""
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			  a1 00  # [1] {}`,
		malformed: "element behind the controls",
	},
	{
		name: "controls twice", source: "RFC 4511 section 4.1.1",
		wire: `
			30 3f  # LDAPMessage
			  02 01 01 42 00  # 1 UnbindRequest ""
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			  a0 1b  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		malformed: "element behind the controls",
	},
	{
		name: "a length of 2^31 inside", source: "RFC 4511 section 4.1.1",
		wire: `
			30 09  # LDAPMessage
			  02 01 01  # 1
			  63 84 80 00 00 00`,
		malformed: "operation",
	},
	{
		name: "a length of 2^64-1 inside", source: "RFC 4511 section 4.1.1",
		wire: `
			30 0d  # LDAPMessage
			  02 01 01  # 1
			  63 88 ff ff ff ff ff ff ff ff`,
		malformed: "operation",
	},
	{
		name: "a length of nine octets inside", source: "RFC 4511 section 4.1.1",
		wire: `
			30 10  # LDAPMessage
			  02 01 01 63 89 00 00 00 00 00 00 00 00 02 04 00  # 1 SearchRequest {""}`,
		malformed: "operation",
	},

	// Controls, RFC 4511 section 4.1.11.
	{
		name: "no controls in the list", source: "RFC 4511 section 4.1.11",
		wire: `
			30 07  # LDAPMessage
			  02 01 02 42 00 a0 00  # 2 UnbindRequest "" controls {}`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{},
	},
	{
		name: "critical control", source: "RFC 4511 section 4.1.11",
		wire: `
			30 13  # LDAPMessage
			  02 01 02 42 00 a0 0c 30 0a 04 05 31 2e 32 2e 33 01 01 ff  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" TRUE}}`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: "1.2.3", Critical: true}},
	},
	{
		name: "control with an empty value", source: "RFC 4511 section 4.1.11",
		wire: `
			30 12  # LDAPMessage
			  02 01 02 42 00 a0 0b 30 09 04 05 31 2e 32 2e 33 04 00  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" ""}}`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: "1.2.3", HasValue: true}},
	},
	{
		name: "control with the default of criticality", source: "RFC 4511 section 4.1.11",
		wire: `
			30 13  # LDAPMessage
			  02 01 02 42 00 a0 0c 30 0a 04 05 31 2e 32 2e 33 01 01 00  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" FALSE}}`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: "1.2.3"}},
		lax:      true,
	},
	{
		name: "as many controls as the limit", source: "corpusLimits",
		wire: `
			30 73  # LDAPMessage
			  02 01 02 42 00  # 2 UnbindRequest ""
			  a0 6c  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		id: 2, op: ldap.OpUnbindRequest, value: nothing{},
		controls: []ldap.Control{{OID: ldap.OIDManageDsaIT}, {OID: ldap.OIDManageDsaIT}, {OID: ldap.OIDManageDsaIT}, {OID: ldap.OIDManageDsaIT}},
	},
	{
		name: "one control too many", source: "CVE-2026-9064",
		wire: `
			30 81 8f  # LDAPMessage
			  02 01 02 42 00  # 2 UnbindRequest ""
			  a0 81 87  # controls
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"
			    30 19  # SEQUENCE
			      04 17 32 2e 31 36 2e 38 34 30 2e 31 2e 31 31 33 37 33 30 2e 33 2e 34 2e 32  # "2.16.840.1.113730.3.4.2"`,
		limit: "controls",
	},
	{
		name: "control, empty", source: "RFC 4511 section 4.1.11",
		wire: `
			30 09  # LDAPMessage
			  02 01 02 42 00 a0 02 30 00  # 2 UnbindRequest "" controls {SEQUENCE {}}`,
		malformed: "control type",
	},
	{
		name: "control is an octet string", source: "RFC 4511 section 4.1.11",
		wire: `
			30 0e  # LDAPMessage
			  02 01 02 42 00 a0 07 04 05 31 2e 32 2e 33  # 2 UnbindRequest "" controls {"1.2.3"}`,
		malformed: "control",
	},
	{
		name: "control, type is an integer", source: "RFC 4511 section 4.1.11",
		wire: `
			30 0c  # LDAPMessage
			  02 01 02 42 00 a0 05 30 03 02 01 01  # 2 UnbindRequest "" controls {SEQUENCE {1}}`,
		malformed: "control type",
	},
	{
		name: "control, criticality is an octet string, value behind it", source: "RFC 4511 section 4.1.11",
		wire: `
			30 16  # LDAPMessage
			  02 01 02 42 00 a0 0f 30 0d 04 05 31 2e 32 2e 33 04 01 78 04 01 79  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" "x" "y"}}`,
		malformed: "octets behind the value",
	},
	{
		name: "control, criticality of two octets", source: "RFC 4511 section 4.1.11",
		wire: `
			30 14  # LDAPMessage
			  02 01 02 42 00 a0 0d 30 0b 04 05 31 2e 32 2e 33 01 02 ff ff  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" BOOLEAN}}`,
		malformed: "control criticality",
	},
	{
		name: "control, value is an integer", source: "RFC 4511 section 4.1.11",
		wire: `
			30 13  # LDAPMessage
			  02 01 02 42 00 a0 0c 30 0a 04 05 31 2e 32 2e 33 02 01 01  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" 1}}`,
		malformed: "octets behind the value",
	},
	{
		name: "control, criticality behind the value", source: "RFC 4511 section 4.1.11",
		wire: `
			30 16  # LDAPMessage
			  02 01 02 42 00 a0 0f 30 0d 04 05 31 2e 32 2e 33 04 01 76 01 01 ff  # 2 UnbindRequest "" controls {SEQUENCE {"1.2.3" "v" TRUE}}`,
		malformed: "octets behind the value",
	},
	{
		name: "control, truncated", source: "RFC 4511 section 4.1.11",
		wire: `
			30 0e  # LDAPMessage
			  02 01 02 42 00  # 2 UnbindRequest ""
			  a0 07  # controls
			    30 09 04 05 31 2e 32`,
		malformed: "control",
	},
}
