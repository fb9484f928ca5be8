package proxy

import (
	"strings"
	"time"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

const (
	recordedText  = 2048 // how much of a text a record keeps
	recordedNames = 100  // how many attributes
	// A record waits in queues, and strings decoded from a request keep all of
	// it alive. Up to this size that is cheaper than copies.
	sharedRequest = 4 << 10
)

// clip cuts a text that is too long for a record, between two runes.
func clip(s string) string {
	if len(s) <= recordedText {
		return s
	}
	end := recordedText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// own returns part so that it can be kept without its request, if that is large.
func own(part, request string) string {
	if len(request) <= sharedRequest {
		return part
	}
	return strings.Clone(clip(part))
}

func ownAll(parts []string, request string) []string {
	if len(request) <= sharedRequest {
		return parts
	}
	kept := make([]string, min(len(parts), recordedNames))
	for i := range kept {
		kept[i] = own(parts[i], request)
	}
	return kept
}

// beginRecord starts the record of an operation; publish ends it. In between
// it belongs to whoever serves the operation.
func (o *operation) beginRecord() {
	s := o.session
	now := s.server.now()
	s.lastSeen.Store(now.UnixNano())
	o.rec = &lookup.Record{
		Time:       now,
		Conn:       s.id,
		ClientAddr: s.peerText,
		Op:         recordedOp(o.tag),
		Kind:       lookup.KindOther,
		Cache:      lookup.CacheOff,
		Result:     lookup.NoResult,
	}
	if !s.listener.Internal {
		o.rec.ID = s.server.lookups.Add(1)
	}
	if o.identity != nil {
		o.rec.BindDN = o.identity.DN()
	}
	if o.kind == reqBind {
		o.rec.Kind = lookup.KindBind
	}
}

// publish hands the record over. It is not touched afterwards.
func (o *operation) publish() {
	s := o.session
	o.rec.Total = s.server.now().Sub(o.rec.Time)
	o.rec.ClientKind = s.client.String()
	if !s.listener.Internal {
		s.server.recorder.Publish(o.rec)
	}
}

func recordedOp(tag ber.Tag) string {
	switch tag {
	case ldap.OpBindRequest:
		return lookup.OpBind
	case ldap.OpUnbindRequest:
		return lookup.OpUnbind
	case ldap.OpSearchRequest:
		return lookup.OpSearch
	case ldap.OpCompareRequest:
		return lookup.OpCompare
	case ldap.OpAbandonRequest:
		return lookup.OpAbandon
	case ldap.OpExtendedRequest:
		return lookup.OpExtended
	case ldap.OpAddRequest:
		return lookup.OpAdd
	case ldap.OpModifyRequest:
		return lookup.OpModify
	case ldap.OpDelRequest:
		return lookup.OpDelete
	case ldap.OpModifyDNRequest:
		return lookup.OpModifyDN
	}
	return lookup.OpUnknown
}

func (o *operation) recordResult(res *ldap.Result) {
	o.rec.Result = int(res.Code)
	o.rec.ResultName = res.Code.String()
	o.rec.Diagnostic = clip(res.Diagnostic)
}

// noAnswer says that the operation ends without a response.
func (o *operation) noAnswer() {
	o.rec.Result, o.rec.ResultName, o.rec.Diagnostic = lookup.NoResult, "", ""
}

func (o *operation) recordControls(list []ldap.Control, encoded string) {
	if len(list) == 0 {
		return
	}
	o.rec.Controls = make([]string, len(list))
	for i := range list {
		o.rec.Controls[i] = own(list[i].OID, encoded)
	}
}

func (o *operation) recordSearch(req *ldap.SearchRequest) {
	r := o.rec
	r.Base, r.Scope = own(req.Base, o.body), req.Scope.String()
	r.Attrs = ownAll(req.Attributes, o.body)
	r.SizeLimit, r.TimeLimit = int(req.SizeLimit), int(req.TimeLimit)
	r.Filter = o.filterText(&req.Filter)
	r.Kind = kindOfSearch(req)
}

func (o *operation) recordCompare(req *ldap.CompareRequest) {
	f := ldap.Equal(req.Attr, req.Value)
	o.rec.Base, o.rec.Name, o.rec.Filter = own(req.DN, o.body), own(req.Attr, o.body), o.filterText(&f)
	o.rec.Kind = kindOfCompare(req)
}

// filterText is the filter in one line, without the values that are secret.
// Its memory is the record's own: a filter decoded from a request of a
// megabyte must not keep that alive.
func (o *operation) filterText(f *ldap.Filter) string {
	line := getBuffer()
	defer putBuffer(line)
	*line = f.AppendText(*line, recordedText, o.session.server.mask)
	return string(*line)
}

// masked tells whether asserted values of an attribute are secret.
func (s *Server) masked(attr string) bool {
	if ldap.DescriptionCovers("userPassword", attr) {
		return true
	}
	for _, secret := range s.settings().MaskAttributes {
		if ldap.DescriptionCovers(secret, attr) {
			return true
		}
	}
	return false
}

// recordPlan notes what the rules made of the request.
func (o *operation) recordPlan(mode rewrite.Mode, bridged bool, rules, hints []string) {
	o.rec.Mode, o.rec.Bridged = string(mode), bridged
	o.rec.Rules, o.rec.Hints = rules, hints
}

// recordHints notes the hints once more: entries and the result add to them.
func (o *operation) recordHints(q *query) { o.rec.Hints = q.plan.Hints }

// recordAsked notes the search that goes upstream; unchanged parts are shared.
func (o *operation) recordAsked(req *ldap.SearchRequest, changed bool) {
	u := &o.rec.Upstream
	u.Base, u.Attrs, u.Filter = own(req.Base, o.body), ownAll(req.Attributes, o.body), o.rec.Filter
	if changed {
		u.Filter = o.filterText(&req.Filter)
	}
}

// recordLease notes how the operation came by its connection, or that it
// waited in vain.
func (o *operation) recordLease(since time.Time) {
	o.asked = o.session.server.now()
	o.rec.Queue += o.asked.Sub(since)
	if o.lease != nil {
		o.rec.Upstream.Server, o.rec.Upstream.Reused = o.lease.Server(), o.lease.Reused()
	}
}

// recordAnswered notes how long upstream took, for its answer or to fail.
func (o *operation) recordAnswered() {
	if o.asked.IsZero() { // it was not asked
		return
	}
	o.rec.Upstream.Duration = o.session.server.now().Sub(o.asked)
}
