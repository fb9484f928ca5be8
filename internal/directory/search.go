package directory

import (
	"strings"

	"github.com/jimlambrt/gldap"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// search checks a SearchRequest and hands it to gldap. The filter stays here:
// gldap passes a filter to its handler as text and closes the connection when
// it cannot write it as text, so gldap gets one that it can, and the original
// is evaluated.
func (s *session) search(m *message) error {
	fields := m.op.Children
	if !isSearch(fields) {
		return errMalformed
	}
	f, err := compileFilter(s.dir.tree.schema, fields[6])
	if err != nil {
		return err
	}
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opSearch, nil, "")
	for i, field := range fields {
		if i == 6 {
			field = contextString(tagPresent, "objectClass")
		}
		body.AppendChild(field)
	}
	s.forward(m, body, f)
	return nil
}

// isSearch reports whether fields are those of a SearchRequest (RFC 4511
// section 4.5.1) as far as gldap depends on it.
func isSearch(fields []*ber.Packet) bool {
	if len(fields) != 8 || !isOctets(fields[0]) || fields[7].Tag != ber.TagSequence {
		return false
	}
	for i, tag := range []ber.Tag{ber.TagEnumerated, ber.TagEnumerated, ber.TagInteger, ber.TagInteger} {
		if _, ok := integerOf(fields[1+i], tag); !ok {
			return false
		}
	}
	if _, ok := fields[5].Value.(bool); !ok {
		return false
	}
	for _, attr := range fields[7].Children {
		if !isOctets(attr) {
			return false
		}
	}
	return fields[7].ClassType == ber.ClassUniversal && fields[7].TagType == ber.TypeConstructed
}

// serveSearch is gldap's handler of a search.
func serveSearch(op *operation, w *gldap.ResponseWriter, r *gldap.Request) {
	m, err := r.GetSearchMessage()
	if err != nil {
		w.Write(failure(op, r, err.Error()))
		return
	}
	page, outcome := op.find(m)
	for _, e := range page.entries {
		if op.ctx.Err() != nil {
			return // abandoned
		}
		if w.Write(op.entryResponse(r, m, e)) != nil {
			return
		}
	}
	if op.ctx.Err() != nil {
		return
	}
	resp := r.NewSearchDoneResponse(gldap.WithResponseCode(outcome.code))
	resp.SetMatchedDN(outcome.matched)
	resp.SetDiagnosticMessage(outcome.diagnostic)
	if page.paged {
		resp.SetControls(&gldap.ControlPaging{Cookie: page.cookie})
	}
	w.Write(resp)
}

// find answers a search: the entries to send now and the final result.
func (op *operation) find(m *gldap.SearchMessage) (page, result) {
	t := op.session.dir.tree
	if refused := op.msg.checkControls(oidManageDsaIT, oidPaging); refused != nil {
		return page{}, *refused
	}
	paging, refused := op.paging()
	if refused != nil {
		return page{}, *refused
	}
	base, err := t.schema.parseDN(m.BaseDN)
	if err != nil {
		return page{}, result{code: invalidDNSyntax, diagnostic: "invalid DN"}
	}
	if refused := checkSearch(m); refused != nil {
		return page{}, *refused
	}
	limit := smallest(m.SizeLimit, int64(op.session.dir.cfg.SizeLimit))
	if paging != nil && paging.cookie != nil {
		return op.session.nextPage(paging, limit)
	}
	start, refused := t.locate(op.who, base)
	if refused != nil {
		return page{}, *refused
	}
	if (start == t.rootDSE || start == t.subschema) && m.Scope != gldap.BaseObject {
		return page{}, result{code: noSuchObject}
	}
	found := t.scan(start, m.Scope, func(e *entry) bool {
		return op.filter.eval(t.schema, e, op.who) == isTrue
	})
	// A page that holds all that the client wants is no page (RFC 2696 section 3).
	if paging == nil || (m.SizeLimit > 0 && paging.size >= m.SizeLimit) {
		kept, outcome := truncate(found, limit)
		return page{entries: kept}, outcome
	}
	return op.session.firstPage(found, paging, limit)
}

func checkSearch(m *gldap.SearchMessage) *result {
	switch {
	case m.Scope < gldap.BaseObject || m.Scope > gldap.WholeSubtree:
		return &result{code: protocolError, diagnostic: "invalid scope"}
	case m.DerefAliases < 0 || m.DerefAliases > 3:
		return &result{code: protocolError, diagnostic: "invalid deref"}
	case m.SizeLimit < 0:
		return &result{code: protocolError, diagnostic: "invalid size limit"}
	case m.TimeLimit < 0:
		return &result{code: protocolError, diagnostic: "invalid time limit"}
	}
	return nil
}

// smallest is the smaller of two limits of which 0 means none.
func smallest(a, b int64) int64 {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// truncate keeps at most limit entries and says whether it has dropped any.
func truncate(found []*entry, limit int64) ([]*entry, result) {
	if limit > 0 && int64(len(found)) > limit {
		return found[:limit], result{code: sizeLimitExceeded}
	}
	return found, result{code: success}
}

// scan returns the entries in scope of start that match, in the order of the
// LDIF. The root DSE and the subschema are in scope of themselves only.
func (t *tree) scan(start *entry, scope gldap.Scope, match func(*entry) bool) []*entry {
	var found []*entry
	if scope == gldap.BaseObject {
		if match(start) {
			found = append(found, start)
		}
		return found
	}
	below := "," + start.key
	for _, e := range t.entries {
		in := e.parent == start.key
		if scope == gldap.WholeSubtree {
			in = e == start || strings.HasSuffix(e.key, below)
		}
		if in && match(e) {
			found = append(found, e)
		}
	}
	return found
}

// entryResponse encodes e as far as it was asked for and may be seen.
func (op *operation) entryResponse(r *gldap.Request, m *gldap.SearchMessage, e *entry) gldap.Response {
	resp := r.NewSearchResponseEntry(e.dn)
	want := op.session.dir.tree.schema.selection(m.Attributes)
	for i := range e.attrs {
		a := &e.attrs[i]
		if !maySee(op.who, e, a.typ) || !want.includes(op.session.dir.tree.schema, a) {
			continue
		}
		if m.TypesOnly {
			resp.AddAttribute(a.name(), nil)
		} else {
			resp.AddAttribute(a.name(), a.values)
		}
	}
	return resp
}

// selection is a parsed list of requested attributes.
type selection struct {
	user, operational bool
	named             []description
}

// selection reads the list (RFC 4511 section 4.5.1.8, RFC 3673 for "+"). Names
// that the server does not know, "1.1" among them, select nothing.
func (s *schema) selection(requested []string) selection {
	want := selection{user: len(requested) == 0}
	for _, name := range requested {
		switch name {
		case "*":
			want.user = true
		case "+":
			want.operational = true
		default:
			if d, ok := s.describe(name); ok {
				want.named = append(want.named, d)
			}
		}
	}
	return want
}

func (w selection) includes(s *schema, a *attribute) bool {
	if (a.typ.operational && w.operational) || (!a.typ.operational && w.user) {
		return true
	}
	for _, d := range w.named {
		if s.answers(a, d) {
			return true
		}
	}
	return false
}
