package directory

import (
	"bytes"
	"crypto/rand"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Simple paged results, RFC 2696. As in slapd a connection has one cursor: a
// new paged search takes the place of the one before.

// cookieSize is the length of a cookie; one of another length cannot be ours.
const cookieSize = 8

// pageRequest is the value of the request control.
type pageRequest struct {
	size   int64
	cookie []byte // nil for the first page
}

// page is a part of a search's answer.
type page struct {
	entries []*entry
	paged   bool   // answered with the control
	cookie  []byte // empty after the last page
}

// cursor is the rest of a search that was answered in part.
type cursor struct {
	cookie []byte
	rest   []*entry
	sent   int64 // entries of the pages before
}

// paging reads the request control, nil when the search has none.
func (op *operation) paging() (*pageRequest, *result) {
	c := op.msg.control(oidPaging)
	if c == nil {
		return nil, nil
	}
	malformed := &result{code: protocolError, diagnostic: "paged results control could not be decoded"}
	if checkShape(c.value) != nil {
		return nil, malformed
	}
	p, err := ber.DecodePacketErr(c.value)
	if err != nil || len(p.Children) != 2 || !isOctets(p.Children[1]) {
		return nil, malformed
	}
	size, ok := integerOf(p.Children[0], ber.TagInteger)
	if !ok || size < 0 {
		return nil, malformed
	}
	req := &pageRequest{size: size}
	if cookie := p.Children[1].Data.Bytes(); len(cookie) > 0 {
		req.cookie = cookie
	}
	return req, nil
}

func (s *session) firstPage(found []*entry, req *pageRequest, limit int64) (page, result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor = &cursor{rest: found}
	return s.turn(req, limit)
}

func (s *session) nextPage(req *pageRequest, limit int64) (page, result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(req.cookie) != cookieSize {
		return page{}, result{code: protocolError, diagnostic: "paged results cookie is invalid"}
	}
	if s.cursor == nil || !bytes.Equal(s.cursor.cookie, req.cookie) {
		return page{}, result{code: unwillingToPerform, diagnostic: "paged results cookie is invalid or old"}
	}
	if req.size == 0 { // the client is not interested in the rest
		s.cursor = nil
		return page{}, result{code: success}
	}
	return s.turn(req, limit)
}

// turn takes the next page from the cursor; s.mu is held. The size limit counts
// the entries of all pages together, as it does in slapd. A first page of size
// 0 is everything.
func (s *session) turn(req *pageRequest, limit int64) (page, result) {
	c := s.cursor
	take := int64(len(c.rest))
	if req.size > 0 {
		take = min(take, req.size)
	}
	if limit > 0 && c.sent+take > limit {
		s.cursor = nil
		return page{entries: c.rest[:max(0, limit-c.sent)], paged: true}, result{code: sizeLimitExceeded}
	}
	p := page{entries: c.rest[:take], paged: true}
	c.rest = c.rest[take:]
	c.sent += take
	if len(c.rest) == 0 {
		s.cursor = nil
		return p, result{code: success}
	}
	c.cookie = []byte(rand.Text()[:cookieSize])
	p.cookie = c.cookie
	return p, result{code: success}
}
