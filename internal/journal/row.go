package journal

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Bounds of what a row takes, in bytes (maxItems: in elements). The proxy records
// less of a text; hashing the values of a filter makes more of it.
const (
	maxText  = 16 << 10
	maxName  = 256 // names of attributes, OIDs, addresses
	maxHint  = 1 << 10
	maxItems = 100
	// maxKey never cuts a user or group: lookup reads 4 KiB of a text, and at
	// most four bytes stand for one of those.
	maxKey = 20 << 10
)

// written and read are the columns in the order of values and of scan. What is not
// read is found again in the others.
const (
	written = `time, run, id, conn, op, kind, outcome, result, total_us, usr, grp, shape,
		client_addr, client_kind, bind_dn, base, scope, filter, attrs, controls, size_limit, time_limit, name,
		upstream_server, upstream_base, upstream_filter, upstream_attrs, upstream_us, upstream_reused,
		bridged, mode, rules, hints, cache, entries, bytes, result_name, diagnostic, queue_us`
	read = `row, time, id, conn, op, kind, result, total_us,
		client_addr, client_kind, bind_dn, base, scope, filter, attrs, controls, size_limit, time_limit, name,
		upstream_server, upstream_base, upstream_filter, upstream_attrs, upstream_us, upstream_reused,
		bridged, mode, rules, hints, cache, entries, bytes, result_name, diagnostic, queue_us`
)

// clipped returns r as a row can have it: one line of bounded length per text. What
// is read out of a record is read out of this one, so that a row and the record
// that is made of it agree.
func clipped(r *lookup.Record) lookup.Record {
	c := *r
	for _, s := range []*string{&c.BindDN, &c.Base, &c.Filter, &c.Upstream.Base, &c.Upstream.Filter, &c.Diagnostic} {
		*s = lookup.Clip(*s, maxText)
	}
	for _, s := range []*string{&c.ClientAddr, &c.ClientKind, &c.Op, &c.Kind, &c.Scope, &c.Name, &c.Upstream.Server, &c.Mode, &c.Cache, &c.ResultName} {
		*s = lookup.Clip(*s, maxName)
	}
	c.Attrs, c.Controls, c.Upstream.Attrs = clippedList(c.Attrs, maxName), clippedList(c.Controls, maxName), clippedList(c.Upstream.Attrs, maxName)
	c.Rules, c.Hints = clippedList(c.Rules, maxName), clippedList(c.Hints, maxHint)
	return c
}

// clippedList copies only what has to be changed. Its last element says how many
// there were beyond maxItems.
func clippedList(list []string, limit int) []string {
	isLong := func(s string) bool { return lookup.Clip(s, limit) != s }
	if len(list) <= maxItems && !slices.ContainsFunc(list, isLong) {
		return list
	}
	var kept []string
	for _, s := range list[:min(len(list), maxItems)] {
		kept = append(kept, lookup.Clip(s, limit))
	}
	if more := len(list) - maxItems; more > 0 {
		kept = append(kept, "… "+strconv.Itoa(more)+" more")
	}
	return kept
}

// key is a user's or group's name as it is looked for. Equal names, in the sense
// of lookup.Glob, have equal keys.
func key(name string) string { return lookup.Clip(strings.ToLower(name), maxKey) }

// values are the arguments of the statement that inserts a row, made anew for each.
type values struct {
	args []driver.NamedValue
	n    int
	list []byte
}

func newValues() *values {
	v := &values{args: make([]driver.NamedValue, strings.Count(written, ",")+1)}
	for i := range v.args {
		v.args[i].Ordinal = i + 1
	}
	return v
}

func (v *values) add(x any) {
	v.args[v.n].Value = x
	v.n++
}

// orNull adds NULL in place of no text.
func (v *values) orNull(s string) {
	if s == "" {
		v.add(nil)
		return
	}
	v.add(s)
}

func (v *values) of(r *lookup.Record, run int64) []driver.NamedValue {
	v.n = 0
	v.add(r.Time.UnixMicro())
	v.add(run)
	v.add(int64(r.ID))
	v.add(int64(r.Conn))
	v.add(r.Op)
	v.add(r.Kind)
	v.add(string(r.Outcome()))
	v.add(int64(r.Result))
	v.add(r.Total.Microseconds())
	v.orNull(key(r.User()))
	v.orNull(key(r.Group()))
	v.add(r.Shape())
	v.ofRequest(r)
	v.ofUpstream(&r.Upstream)
	v.ofAnswer(r)
	return v.args
}

func (v *values) ofRequest(r *lookup.Record) {
	v.add(r.ClientAddr)
	v.add(r.ClientKind)
	v.add(r.BindDN)
	v.add(r.Base)
	v.add(r.Scope)
	v.add(r.Filter)
	v.addList(r.Attrs)
	v.addList(r.Controls)
	v.add(int64(r.SizeLimit))
	v.add(int64(r.TimeLimit))
	v.orNull(r.Name)
}

func (v *values) ofUpstream(u *lookup.UpstreamPart) {
	if u.IsZero() {
		for range 6 {
			v.add(nil)
		}
		return
	}
	v.add(u.Server)
	v.add(u.Base)
	v.add(u.Filter)
	v.addList(u.Attrs)
	v.add(u.Duration.Microseconds())
	v.add(u.Reused)
}

func (v *values) ofAnswer(r *lookup.Record) {
	v.add(r.Bridged)
	v.add(r.Mode)
	v.addList(r.Rules)
	v.addList(r.Hints)
	v.add(r.Cache)
	v.add(int64(r.Entries))
	v.add(r.Bytes)
	v.add(r.ResultName)
	v.add(r.Diagnostic)
	v.add(r.Queue.Microseconds())
}

func (v *values) addList(list []string) {
	if len(list) == 0 {
		v.add("[]")
		return
	}
	v.list = appendList(v.list[:0], list)
	v.add(string(v.list))
}

// appendList writes a JSON array. Clipped text has no characters that JSON wants
// escaped but these two.
func appendList(dst []byte, list []string) []byte {
	for i, s := range list {
		if i == 0 {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, s)
	}
	return append(dst, ']')
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// jsonList reads a list, NULL as none.
type jsonList []string

// Scan implements sql.Scanner.
func (l *jsonList) Scan(v any) error {
	*l = nil
	text, _ := v.(string)
	switch {
	case text == "" || text == "[]":
		return nil
	case !strings.Contains(text, `\`) && strings.HasPrefix(text, `["`) && strings.HasSuffix(text, `"]`) && len(text) >= 4:
		*l = strings.Split(text[2:len(text)-2], `","`) // nearly always, and ten times as fast
		return nil
	}
	return json.Unmarshal([]byte(text), (*[]string)(l))
}

// micros reads a number of microseconds, NULL as 0.
type micros time.Duration

// Scan implements sql.Scanner.
func (d *micros) Scan(v any) error {
	n, _ := v.(int64)
	*d = micros(time.Duration(n) * time.Microsecond)
	return nil
}

// scan reads a row of the columns read.
func scan(rows *sql.Rows) (Entry, error) {
	var (
		e    = Entry{Record: new(lookup.Record)}
		r    = e.Record
		u    = &r.Upstream
		at   int64
		id   int64
		conn int64
		// NULL when there is none.
		name, server, base, filter sql.NullString
		reused                     sql.NullBool
	)
	err := rows.Scan(&e.Row, &at, &id, &conn, &r.Op, &r.Kind, &r.Result, (*micros)(&r.Total),
		&r.ClientAddr, &r.ClientKind, &r.BindDN, &r.Base, &r.Scope, &r.Filter, (*jsonList)(&r.Attrs), (*jsonList)(&r.Controls),
		&r.SizeLimit, &r.TimeLimit, &name,
		&server, &base, &filter, (*jsonList)(&u.Attrs), (*micros)(&u.Duration), &reused,
		&r.Bridged, &r.Mode, (*jsonList)(&r.Rules), (*jsonList)(&r.Hints), &r.Cache,
		&r.Entries, &r.Bytes, &r.ResultName, &r.Diagnostic, (*micros)(&r.Queue))
	if err != nil {
		return e, err
	}
	r.Time, r.ID, r.Conn = time.UnixMicro(at).UTC(), uint64(id), uint64(conn)
	r.Name, u.Server, u.Base, u.Filter, u.Reused = name.String, server.String, base.String, filter.String, reused.Bool
	return e, nil
}
