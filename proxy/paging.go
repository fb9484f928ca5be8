package proxy

import (
	"crypto/rand"
	"sync"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// Paged results, RFC 2696. A cursor lives in the upstream connection that
// opened it, so the connection is pinned to the session while the cursor is
// open, and the client gets a cookie of ours that names both. A cookie works
// once, in the session that it was given to.

// page is the paged results control of one search.
type page struct {
	size   int32
	cookie string // upstream's, empty for the first page
}

// upstream is the control as it goes upstream.
func (p *page) upstream(critical bool) ldap.Control {
	return ldap.PagedResults{Size: p.size, Cookie: p.cookie}.Control(critical)
}

// openPage reads the control and, for a page but the first, takes the lease
// that the cookie stands for.
func (o *operation) openPage(q *query) error {
	for i := range q.controls {
		c := &q.controls[i]
		if c.OID != ldap.OIDPagedResults {
			continue
		}
		asked, err := ldap.DecodePagedResults(c.Value)
		if err != nil || q.page != nil {
			return errPaging
		}
		q.page = &page{size: asked.Size}
		if asked.Cookie == "" {
			continue
		}
		held, ok := o.session.cursors.take(asked.Cookie)
		if !ok {
			return errCookie
		}
		o.lease, q.page.cookie = held.lease, held.upstream
	}
	return nil
}

// turnPage returns the controls of a page's result for the client. When more
// pages follow it pins the lease.
func (o *operation) turnPage(q *query, res *ldap.Result, contents []byte) ([]byte, error) {
	list, err := ldap.DecodeControls(string(contents), o.cfg.Limits.Controls)
	if err != nil {
		return nil, errBroken
	}
	var (
		out  []byte
		told bool
	)
	for _, c := range list {
		if c.OID != ldap.OIDPagedResults || told {
			out = ldap.AppendControl(out, c)
			continue
		}
		answer, err := ldap.DecodePagedResults(c.Value)
		if err != nil {
			return nil, errBroken
		}
		told = true
		if answer.Cookie != "" && res.Code == ldap.Success {
			answer.Cookie = o.session.cursors.put(cursor{lease: o.lease, upstream: answer.Cookie})
			o.lease = nil
		} else {
			answer.Cookie = ""
		}
		out = ldap.AppendControl(out, answer.Control(c.Critical))
	}
	if !told && res.Code == ldap.Success && q.plan.Fallback != nil {
		out = ldap.AppendControl(out, ldap.PagedResults{}.Control(false)) // the fallback was not paged: this is all
	}
	return orNil(out), nil
}

// cursor is an open paged search.
type cursor struct {
	cookie   string // ours
	lease    *upstream.Conn
	upstream string // upstream's cookie
}

// cursors are the open paged searches of one session, oldest first. A cursor
// that a search is working with is not among them.
type cursors struct {
	limit int

	mu   sync.Mutex
	open []cursor
}

// take removes the cursor that cookie names.
func (c *cursors) take(cookie string) (cursor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.open {
		if c.open[i].cookie == cookie {
			found := c.open[i]
			c.open = append(c.open[:i], c.open[i+1:]...)
			return found, true
		}
	}
	return cursor{}, false
}

// put keeps a cursor and returns its cookie. Over the limit the oldest goes.
func (c *cursors) put(fresh cursor) string {
	fresh.cookie = rand.Text()
	c.mu.Lock()
	c.open = append(c.open, fresh)
	var oldest *upstream.Conn
	if len(c.open) > max(1, c.limit) {
		oldest = c.open[0].lease
		c.open = append(c.open[:0], c.open[1:]...)
	}
	c.mu.Unlock()
	if oldest != nil {
		oldest.Discard() // closing is how upstream learns that its cursor is not needed
	}
	return fresh.cookie
}

// drop closes all.
func (c *cursors) drop() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for i := range open {
		open[i].lease.Discard()
	}
}
