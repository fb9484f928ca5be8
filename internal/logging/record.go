package logging

import (
	"strconv"
	"time"

	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/lookup"
)

// Bounds of what one line may take, in bytes (maxItems: in elements). A client
// chooses these texts, up to the size of a message.
const (
	maxFilter = 2048
	maxText   = 1024 // DNs, diagnostics, hints
	maxName   = 128  // attribute names, OIDs
	maxItems  = 64
)

// record writes a lookup as fields. Their names are the program's interface to log
// searches; they are always present, so that searches need no existence checks,
// except "upstream" (nothing was asked) and "name" (the operation has none).
type record lookup.Record

var _ zapcore.ObjectMarshaler = (*record)(nil)

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (r *record) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r.addClient(enc)
	r.addRequest(enc)
	if !r.Upstream.IsZero() {
		_ = enc.AddObject("upstream", (*upstreamPart)(&r.Upstream)) // never fails
	}
	enc.AddBool("bridged", r.Bridged)
	enc.AddString("mode", r.Mode)
	addStrings(enc, "rules", (*nameList)(&r.Rules))
	addStrings(enc, "hints", (*textList)(&r.Hints))
	enc.AddString("cache", r.Cache)
	r.addAnswer(enc)
	return enc.AddObject("ms", (*durations)(r))
}

func (r *record) addClient(enc zapcore.ObjectEncoder) {
	enc.AddUint64("id", r.ID)
	enc.AddUint64("conn", r.Conn)
	enc.AddString("client_addr", r.ClientAddr)
	enc.AddString("client_kind", r.ClientKind)
	enc.AddString("bind_dn", lookup.Clip(r.BindDN, maxText))
}

func (r *record) addRequest(enc zapcore.ObjectEncoder) {
	enc.AddString("op", r.Op)
	enc.AddString("kind", r.Kind)
	enc.AddString("base", lookup.Clip(r.Base, maxText))
	enc.AddString("scope", r.Scope)
	enc.AddString("filter", lookup.Clip(r.Filter, maxFilter))
	addStrings(enc, "attrs", (*nameList)(&r.Attrs))
	addStrings(enc, "controls", (*nameList)(&r.Controls))
	enc.AddInt("size_limit", r.SizeLimit)
	enc.AddInt("time_limit", r.TimeLimit)
	if r.Name != "" {
		enc.AddString("name", lookup.Clip(r.Name, maxName))
	}
}

func (r *record) addAnswer(enc zapcore.ObjectEncoder) {
	enc.AddInt("entries", r.Entries)
	enc.AddInt64("bytes", r.Bytes)
	enc.AddInt("result", r.Result)
	enc.AddString("result_name", r.ResultName)
	enc.AddString("diagnostic", lookup.Clip(r.Diagnostic, maxText))
}

// upstreamPart is the nested object "upstream".
type upstreamPart lookup.UpstreamPart

func (u *upstreamPart) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("server", u.Server)
	enc.AddString("base", lookup.Clip(u.Base, maxText))
	enc.AddString("filter", lookup.Clip(u.Filter, maxFilter))
	addStrings(enc, "attrs", (*nameList)(&u.Attrs))
	enc.AddFloat64("ms", milliseconds(u.Duration))
	enc.AddBool("reused", u.Reused)
	return nil
}

// durations is the nested object "ms".
type durations lookup.Record

func (d *durations) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddFloat64("total", milliseconds(d.Total))
	enc.AddFloat64("queue", milliseconds(d.Queue))
	enc.AddFloat64("upstream", milliseconds(d.Upstream.Duration))
	return nil
}

// milliseconds keeps microseconds, which is what a lookup can be measured to.
func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// nameList and textList are arrays with short and with long elements. They are
// pointers to slices so that passing one as an interface allocates nothing.
type (
	nameList []string
	textList []string
)

func (l *nameList) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	return appendItems(enc, *l, maxName)
}

func (l *textList) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	return appendItems(enc, *l, maxText)
}

func addStrings(enc zapcore.ObjectEncoder, key string, list zapcore.ArrayMarshaler) {
	_ = enc.AddArray(key, list) // appendItems never fails
}

// appendItems adds a last element that says how many there were beyond maxItems.
func appendItems(enc zapcore.ArrayEncoder, items []string, limit int) error {
	for i, item := range items {
		if i == maxItems {
			enc.AppendString("… " + strconv.Itoa(len(items)-maxItems) + " more")
			break
		}
		enc.AppendString(lookup.Clip(item, limit))
	}
	return nil
}
