package upstream

import (
	"bytes"
	"slices"
	"testing"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// FuzzReceive: whatever a server sends, an answer is made of its messages under
// the ID of the request alone, in their order; it is complete only when the last of them
// has the response tag; and after a fault nothing more is taken from the connection.
func FuzzReceive(f *testing.F) {
	result := ldap.Result{Code: ldap.Success}
	entry := ber.Append(ber.Append(nil, ber.OctetString, "cn=a"), ber.Sequence, "")
	message := func(id int32, op ber.Tag, body []byte) []byte { return ldap.AppendOperation(nil, id, op, body, nil) }
	done := ldap.AppendResult(nil, 1, ldap.OpSearchResultDone, &result, nil)
	notice := ldap.AppendNoticeOfDisconnection(nil, ldap.ProtocolError, "bye")
	whole := slices.Concat(message(1, ldap.OpSearchResultEntry, entry), message(1, ldap.OpSearchResultReference, entry), done)
	for _, in := range [][]byte{
		whole, whole[:len(whole)-3], done, nil, notice, slices.Concat(whole, whole),
		message(2, ldap.OpSearchResultDone, nil), message(1, ldap.OpCompareResponse, nil), message(0, ldap.OpSearchResultEntry, entry),
		slices.Concat(message(0, ldap.OpExtendedResponse, ldap.AppendResultBody(nil, &result)), whole), {0x30, 0x80}, {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		slices.Concat(message(1, ldap.OpSearchResultEntry, entry), notice, done),
	} {
		f.Add(in, byte(0))
		f.Add(in, byte(1))
	}
	requests := []ber.Tag{ldap.OpSearchRequest, ldap.OpCompareRequest, ldap.OpModifyRequest, ldap.OpExtendedRequest}
	f.Fuzz(func(t *testing.T, in []byte, which byte) {
		c, _ := newLease(t, bytes.NewReader(in))
		op := requests[int(which)%len(requests)]
		if err := c.Send(op, nil, nil); err != nil {
			t.Fatal(err)
		}
		rest := in
		for c.op != 0 {
			m, err := c.Receive(t.Context())
			if err != nil {
				if _, again := c.Receive(t.Context()); again == nil || !c.broken || c.HasMessage() && c.Send(op, nil, nil) == nil {
					t.Fatalf("the lease goes on after %v", err)
				}
				return
			}
			last := m.Op == ldap.ResponseOp(op)
			part := op == ldap.OpSearchRequest && (m.Op == ldap.OpSearchResultEntry || m.Op == ldap.OpSearchResultReference)
			if m.ID != c.id || !last && !part && m.Op != ldap.OpIntermediateResponse {
				t.Fatalf("message %d of operation 0x%02x answers message %d of operation 0x%02x", m.ID, m.Op, c.id, op)
			}
			if last != (c.op == 0) {
				t.Fatalf("after operation 0x%02x the answer is complete: %v", m.Op, c.op == 0)
			}
			at := bytes.Index(rest, m.Tail)
			if at < 0 {
				t.Fatalf("% x is not in what is left of the stream, % x", m.Tail, rest)
			}
			rest = rest[at+len(m.Tail):]
		}
	})
}
