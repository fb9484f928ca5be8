package lookup

import (
	"bytes"
	"encoding/json"
	"math"
	"time"
)

// recordJSON is a record as programs see it: the fields of the log line, and what
// is read out of them. docs/api.md describes each one.
type recordJSON struct {
	Time       time.Time `json:"time"`
	ID         uint64    `json:"id"`
	Conn       uint64    `json:"conn"`
	ClientAddr string    `json:"client_addr"`
	ClientKind string    `json:"client_kind"`
	BindDN     string    `json:"bind_dn"`

	Op        string   `json:"op"`
	Kind      string   `json:"kind"`
	Base      string   `json:"base"`
	Scope     string   `json:"scope"`
	Filter    string   `json:"filter"`
	Attrs     []string `json:"attrs"`
	Controls  []string `json:"controls"`
	SizeLimit int      `json:"size_limit"`
	TimeLimit int      `json:"time_limit"`
	Name      string   `json:"name,omitempty"`

	Upstream *upstreamJSON `json:"upstream,omitempty"`

	Bridged bool     `json:"bridged"`
	Mode    string   `json:"mode"`
	Rules   []string `json:"rules"`
	Hints   []string `json:"hints"`
	Cache   string   `json:"cache"`

	Entries    int    `json:"entries"`
	Bytes      int64  `json:"bytes"`
	Result     int    `json:"result"`
	ResultName string `json:"result_name"`
	Diagnostic string `json:"diagnostic"`

	Ms msJSON `json:"ms"`

	// Read out of the fields above.
	User    string  `json:"user"`
	Group   string  `json:"group"`
	Shape   string  `json:"shape"`
	Outcome Outcome `json:"outcome"`
}

type upstreamJSON struct {
	Server string   `json:"server"`
	Base   string   `json:"base"`
	Filter string   `json:"filter"`
	Attrs  []string `json:"attrs"`
	Ms     float64  `json:"ms"`
	Reused bool     `json:"reused"`
}

type msJSON struct {
	Total    float64 `json:"total"`
	Queue    float64 `json:"queue"`
	Upstream float64 `json:"upstream"`
}

// MarshalJSON implements json.Marshaler. Lists are never null. The & of a filter is
// written as it is; json.Marshal makes \u0026 of it, an encoder may be told not to.
func (r Record) MarshalJSON() ([]byte, error) {
	j := recordJSON{
		Time: r.Time.UTC(), ID: r.ID, Conn: r.Conn, ClientAddr: r.ClientAddr, ClientKind: r.ClientKind, BindDN: r.BindDN,
		Op: r.Op, Kind: r.Kind, Base: r.Base, Scope: r.Scope, Filter: r.Filter, Attrs: list(r.Attrs), Controls: list(r.Controls),
		SizeLimit: r.SizeLimit, TimeLimit: r.TimeLimit, Name: r.Name,
		Bridged: r.Bridged, Mode: r.Mode, Rules: list(r.Rules), Hints: list(r.Hints), Cache: r.Cache,
		Entries: r.Entries, Bytes: r.Bytes, Result: r.Result, ResultName: r.ResultName, Diagnostic: r.Diagnostic,
		Ms:   msJSON{milliseconds(r.Total), milliseconds(r.Queue), milliseconds(r.Upstream.Duration)},
		User: r.User(), Group: r.Group(), Shape: r.Shape(), Outcome: r.Outcome(),
	}
	if u := &r.Upstream; !u.IsZero() {
		j.Upstream = &upstreamJSON{u.Server, u.Base, u.Filter, list(u.Attrs), milliseconds(u.Duration), u.Reused}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(&j)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// UnmarshalJSON implements json.Unmarshaler. It also reads a line of the log, which
// has long texts cut; Op is "" if the line is of something else than a lookup.
func (r *Record) UnmarshalJSON(text []byte) error {
	var j recordJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*r = Record{
		Time: j.Time, ID: j.ID, Conn: j.Conn, ClientAddr: j.ClientAddr, ClientKind: j.ClientKind, BindDN: j.BindDN,
		Op: j.Op, Kind: j.Kind, Base: j.Base, Scope: j.Scope, Filter: j.Filter, Attrs: j.Attrs, Controls: j.Controls,
		SizeLimit: j.SizeLimit, TimeLimit: j.TimeLimit, Name: j.Name,
		Bridged: j.Bridged, Mode: j.Mode, Rules: j.Rules, Hints: j.Hints, Cache: j.Cache,
		Entries: j.Entries, Bytes: j.Bytes, Result: j.Result, ResultName: j.ResultName, Diagnostic: j.Diagnostic,
		Total: duration(j.Ms.Total), Queue: duration(j.Ms.Queue),
	}
	if u := j.Upstream; u != nil {
		r.Upstream = UpstreamPart{u.Server, u.Base, u.Filter, u.Attrs, duration(u.Ms), u.Reused}
	}
	return nil
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// milliseconds keeps microseconds, which is what a lookup can be measured to.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func duration(ms float64) time.Duration {
	return time.Duration(math.Round(ms*1000)) * time.Microsecond
}
