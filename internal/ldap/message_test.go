package ldap_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// decodeLimits are those of the product.
var decodeLimits = ldap.Limits{Nesting: 64, FilterTerms: 4096, Controls: 32, Attributes: 1000}

// Decoded operations that have no type of their own in the package.
type (
	nothing struct{} // unbind
	abandon int32
	raw     string // not decoded
	result  struct {
		ldap.Result
		Rest string
	}
	extended struct {
		ldap.Result
		Name  string
		Value []byte
	}
	entry struct {
		DN         string
		Attributes []attribute
	}
	attribute struct {
		Description string
		Values      []string
	}
)

// octets reads hexadecimal with spaces and `# ...` to the end of a line.
func octets(s string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

// decoded is a message with nothing left undecoded.
type decoded struct {
	ID       int32
	Op       ber.Tag
	Value    any
	Controls []ldap.Control
}

// decodeAll decodes a frame with every decoder that it concerns.
func decodeAll(frame []byte, limits ldap.Limits) (decoded, error) {
	m, err := ldap.ParseMessage(frame)
	if err != nil {
		return decoded{}, err
	}
	d := decoded{ID: m.ID, Op: m.Op}
	if d.Value, err = decodeValue(m, limits); err != nil {
		return d, err
	}
	if m.Controls != nil {
		if d.Controls, err = ldap.DecodeControls(string(m.Controls), limits.Controls); d.Controls == nil {
			d.Controls = []ldap.Control{}
		}
	}
	return d, err
}

func decodeValue(m ldap.Message, limits ldap.Limits) (any, error) {
	switch m.Op {
	case ldap.OpBindRequest:
		return ldap.DecodeBindRequest(m.Body)
	case ldap.OpUnbindRequest:
		return nothing{}, nil
	case ldap.OpSearchRequest:
		return ldap.DecodeSearchRequest(string(m.Body), limits)
	case ldap.OpCompareRequest:
		return ldap.DecodeCompareRequest(string(m.Body))
	case ldap.OpExtendedRequest:
		return ldap.DecodeExtendedRequest(m.Body)
	case ldap.OpAbandonRequest:
		id, err := ldap.DecodeAbandonRequest(m.Body)
		return abandon(id), err
	case ldap.OpSearchResultEntry:
		return decodeEntry(m.Body)
	case ldap.OpExtendedResponse:
		return decodeExtended(m.Body)
	case ldap.OpBindResponse, ldap.OpSearchResultDone, ldap.OpModifyResponse, ldap.OpAddResponse,
		ldap.OpDelResponse, ldap.OpModifyDNResponse, ldap.OpCompareResponse:
		res, rest, err := ldap.DecodeResult(m.Body)
		return result{res, string(rest)}, err
	}
	return raw(m.Body), nil
}

func decodeEntry(body []byte) (any, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return nil, err
	}
	out := entry{DN: string(e.DN)}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		attr := attribute{Description: string(a.Description)}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			attr.Values = append(attr.Values, string(v))
		}
		out.Attributes = append(out.Attributes, attr)
	}
}

func decodeExtended(body []byte) (any, error) {
	res, rest, err := ldap.DecodeResult(body)
	if err != nil {
		return nil, err
	}
	e, r := extended{Result: res}, ber.Read(rest)
	if r.Peek() == ber.Context(10) {
		name, err := r.Expect(ber.Context(10))
		if err != nil {
			return nil, err
		}
		e.Name = string(name)
	}
	if r.Peek() == ber.Context(11) {
		if e.Value, err = r.Expect(ber.Context(11)); err != nil {
			return nil, err
		}
	}
	if !r.Empty() {
		return result{res, string(rest)}, nil
	}
	return e, nil
}

// encodeAll writes d with the encoders of the package; ok is false for what no
// encoder writes.
func encodeAll(d decoded) (frame []byte, ok bool) {
	var controls []byte
	if d.Controls != nil {
		controls = []byte{}
		for _, c := range d.Controls {
			controls = ldap.AppendControl(controls, c)
		}
	}
	var body []byte
	switch v := d.Value.(type) {
	case ldap.BindRequest:
		if !v.Simple {
			return nil, false
		}
		body = ldap.AppendSimpleBind(nil, v.Name, v.Password)
	case nothing:
		if controls == nil {
			return ldap.AppendUnbindRequest(nil, d.ID), true
		}
	case abandon:
		if controls == nil {
			return ldap.AppendAbandonRequest(nil, d.ID, int32(v)), true
		}
		alone := ldap.AppendAbandonRequest(nil, d.ID, int32(v))
		m, err := ldap.ParseMessage(alone)
		if err != nil {
			panic(err)
		}
		body = m.Body
	case ldap.SearchRequest:
		body = ldap.AppendSearchRequest(nil, &v)
	case ldap.CompareRequest:
		body = ldap.AppendCompareRequest(nil, &v)
	case ldap.ExtendedRequest:
		body = ldap.AppendExtendedRequest(nil, v.OID)
		if v.HasValue {
			body = ber.Append(body, ber.Context(1), v.Value)
		}
	case result:
		if v.Rest == "" {
			return ldap.AppendResult(nil, d.ID, d.Op, &v.Result, controls), true
		}
		body = append(ldap.AppendResultBody(nil, &v.Result), v.Rest...)
	case extended:
		if controls == nil {
			return ldap.AppendExtendedResponse(nil, d.ID, &v.Result, v.Name, v.Value), true
		}
		alone := ldap.AppendExtendedResponse(nil, d.ID, &v.Result, v.Name, v.Value)
		m, err := ldap.ParseMessage(alone)
		if err != nil {
			panic(err)
		}
		body = m.Body
	case entry:
		return appendEntry(nil, d.ID, v, controls), true
	case raw:
		body = []byte(v)
	default:
		panic(fmt.Sprintf("no encoder for %T", v))
	}
	return ldap.AppendOperation(nil, d.ID, d.Op, body, controls), true
}

// appendEntry writes an entry as the proxy does where it undoes a translation.
func appendEntry(dst []byte, id int32, e entry, controls []byte) []byte {
	const expect = 200
	dst, message := ldap.BeginMessage(dst, id, expect)
	dst, op := ber.Begin(dst, ldap.OpSearchResultEntry, expect)
	dst = ber.Append(dst, ber.OctetString, e.DN)
	dst, list := ber.Begin(dst, ber.Sequence, expect)
	for _, a := range e.Attributes {
		var attr, set ber.Mark
		dst, attr = ber.Begin(dst, ber.Sequence, 0)
		dst = ber.Append(dst, ber.OctetString, a.Description)
		dst, set = ber.Begin(dst, ber.Set, 0)
		for _, v := range a.Values {
			dst = ber.Append(dst, ber.OctetString, v)
		}
		dst = ber.End(dst, set, 0)
		dst = ber.End(dst, attr, 0)
	}
	dst = ber.End(dst, list, expect)
	dst = ber.End(dst, op, expect)
	if controls != nil {
		dst = ber.Append(dst, ber.ContextConstructed(0), controls)
	}
	return ber.End(dst, message, expect)
}

func TestCorpusNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range corpus {
		if seen[s.name] {
			t.Errorf("%q names two samples", s.name)
		}
		seen[s.name] = true
		outcomes := 0
		for _, set := range []bool{s.value != nil, s.malformed != "", s.limit != ""} {
			if set {
				outcomes++
			}
		}
		if outcomes != 1 {
			t.Errorf("%q has %d outcomes", s.name, outcomes)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, s := range corpus {
		t.Run(s.name, func(t *testing.T) {
			got, err := decodeAll(octets(s.wire), corpusLimits)
			var limit *ldap.LimitError
			switch {
			case s.malformed != "":
				if !errors.Is(err, ldap.ErrMalformed) || !strings.Contains(err.Error(), s.malformed) {
					t.Errorf("error %v, want it malformed for %q", err, s.malformed)
				}
				if errors.As(err, &limit) {
					t.Errorf("%v would keep the connection open", err)
				}
			case s.limit != "":
				if !errors.As(err, &limit) || limit.Limit != s.limit {
					t.Errorf("error %v, want limit %s", err, s.limit)
				}
				if errors.Is(err, ldap.ErrMalformed) {
					t.Errorf("%v would end the connection", err)
				}
			default:
				want := decoded{s.id, s.op, s.value, s.controls}
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("error %v, -want +got:\n%s", err, diff)
				}
			}
		})
	}
}

func TestEncode(t *testing.T) {
	for _, s := range corpus {
		if s.value == nil || s.partial {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			want := octets(s.wire)
			got, ok := encodeAll(decoded{s.id, s.op, s.value, s.controls})
			if !ok {
				t.Fatal("no encoder writes this")
			}
			if s.lax {
				if string(got) == string(want) {
					t.Error("the sample is canonical after all")
				}
				return
			}
			if string(got) != string(want) {
				t.Errorf("encoded\n% x, want\n% x", got, want)
			}
		})
	}
}

// checkStable fails unless what d encodes to decodes to d again.
func checkStable(t *testing.T, d decoded, limits ldap.Limits) {
	t.Helper()
	frame, ok := encodeAll(d)
	if !ok {
		return
	}
	again, err := decodeAll(frame, limits)
	if diff := cmp.Diff(d, again, cmpopts.EquateEmpty(), filtersAtOnce); err != nil || diff != "" {
		t.Errorf("encoded to % x, decoding that gives error %v, -before +after:\n%s", frame, err, diff)
	}
	twice, _ := encodeAll(again)
	if string(frame) != string(twice) {
		t.Errorf("encoded to\n% x, then to\n% x", frame, twice)
	}
}

func TestDecodeEncodeDecode(t *testing.T) {
	for _, s := range corpus {
		if s.value == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			d, err := decodeAll(octets(s.wire), corpusLimits)
			if err != nil {
				t.Fatal(err)
			}
			checkStable(t, d, corpusLimits)
		})
	}
}

// An encoder that overlooks what dst holds already would pass every test above.
func TestEncodersAppend(t *testing.T) {
	m := octets("30 05 02 01 01 42 00")
	s := ldap.SearchRequest{Filter: ldap.Not(ldap.Equal("cn", strings.Repeat("v", 300)))}
	for name, appendTo := range map[string]func([]byte) []byte{
		"AppendSearchRequest":         func(b []byte) []byte { return ldap.AppendSearchRequest(b, &s) },
		"AppendFilter":                func(b []byte) []byte { return ldap.AppendFilter(b, &s.Filter) },
		"AppendCompareRequest":        func(b []byte) []byte { return ldap.AppendCompareRequest(b, &ldap.CompareRequest{DN: "cn=g"}) },
		"AppendSimpleBind":            func(b []byte) []byte { return ldap.AppendSimpleBind(b, "cn=g", nil) },
		"AppendControl":               func(b []byte) []byte { return ldap.AppendControl(b, ldap.Control{OID: "1.2.3"}) },
		"AppendEnvelope":              func(b []byte) []byte { return ldap.AppendEnvelope(b, 7, m[5:]) },
		"AppendUnbindRequest":         func(b []byte) []byte { return ldap.AppendUnbindRequest(b, 7) },
		"AppendAbandonRequest":        func(b []byte) []byte { return ldap.AppendAbandonRequest(b, 7, 6) },
		"AppendResult":                func(b []byte) []byte { return ldap.AppendResult(b, 7, ldap.OpSearchResultDone, &ldap.Result{}, nil) },
		"AppendNoticeOfDisconnection": func(b []byte) []byte { return ldap.AppendNoticeOfDisconnection(b, ldap.Busy, "later") },
		"AppendTrace":                 func(b []byte) []byte { return ldap.AppendTrace(b, m) },
	} {
		alone := string(appendTo(nil))
		if got := string(appendTo([]byte("before"))); alone == "" || got != "before"+alone {
			t.Errorf("%s: %q, behind something else %q", name, alone, got)
		}
	}
}

func TestAppendEnvelopeRenumbers(t *testing.T) {
	for _, s := range corpus {
		if s.value == nil || s.lax {
			continue
		}
		m, err := ldap.ParseMessage(octets(s.wire))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []int32{0, 1, 127, 128, 1<<15 - 1, 1 << 15, 1<<23 - 1, 1 << 23, 1<<31 - 1} {
			got, err := ldap.ParseMessage(ldap.AppendEnvelope(nil, id, m.Tail))
			if err != nil || got.ID != id || got.Op != m.Op || string(got.Body) != string(m.Body) || string(got.Controls) != string(m.Controls) {
				t.Errorf("%s under ID %d: %v, %+v", s.name, id, err, got)
			}
		}
	}
}

func TestPagedResults(t *testing.T) {
	for _, p := range []ldap.PagedResults{{}, {Size: 500}, {Size: 1<<31 - 1, Cookie: "\x00\xff"}, {Cookie: strings.Repeat("c", 300)}} {
		c := p.Control(true)
		if c.OID != ldap.OIDPagedResults || !c.Critical || !c.HasValue {
			t.Errorf("control %+v", c)
		}
		if got, err := ldap.DecodePagedResults(c.Value); err != nil || got != p {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
	// RFC 2696 section 2: realSearchControlValue.
	for value, wantErr := range map[string]string{
		"":                                 "truncated, or longer",
		"02 01 05":                         "primitive",
		"30 03 02 01 05":                   "no cookie",
		"30 05 02 01 ff 04 00":             "size -1",
		"30 09 02 05 00 80 00 00 00 04 00": "size 2^31",
		"30 05 04 01 05 04 00":             "size is an octet string",
		"30 06 02 01 05 02 01 01":          "cookie is an integer",
		"30 07 02 01 05 04 00 04 00":       "element behind the cookie",
		"30 05 02 01 05 04 00 00":          "octets behind the value",
		"30 80 02 01 05 04 00 00 00":       "indefinite",
	} {
		if _, err := ldap.DecodePagedResults(string(octets(value))); !errors.Is(err, ldap.ErrMalformed) {
			t.Errorf("%s (% s): error %v", wantErr, value, err)
		}
	}
}

// What a decoder says about bad input goes to logs; the input may be a password.
func TestErrorsDoNotQuoteTheInput(t *testing.T) {
	for _, s := range corpus {
		_, err := decodeAll([]byte(strings.ReplaceAll(string(octets(s.wire)), "uid", "PWD")), corpusLimits)
		if err != nil && strings.Contains(err.Error(), "PWD") {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// A nest of a million levels costs one refusal, not a stack of gigabytes.
func TestDeepNests(t *testing.T) {
	for name, level := range map[string]string{"sequences of indefinite length": "\x30\x80", "AND": "\xa0\x84\x00\x40\x00\x00", "NOT": "\xa2\x84\x00\x40\x00\x00"} {
		in := strings.Repeat(level, 1<<20)
		got := allocatedBy(func() {
			if _, err := ldap.DecodeFilter(in, decodeLimits); err == nil {
				t.Errorf("%s: no error", name)
			}
			if _, err := ldap.ParseMessage([]byte(in)[:1<<20]); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		if got > 8<<20 { // the copy made above among it
			t.Errorf("%s: %d octets", name, got)
		}
	}
	// Lengths that fit, so that only the limit stops the descent.
	for _, tag := range []ber.Tag{0xa0, 0xa1, 0xa2} {
		var sizes []int
		for size := 0; len(sizes) < 20_000; size += ber.HeaderSize(size) {
			sizes = append(sizes, size)
		}
		var in []byte
		for i := len(sizes) - 1; i >= 0; i-- {
			in = ber.AppendHeader(in, tag, sizes[i])
		}
		var limit *ldap.LimitError
		if _, err := ldap.DecodeFilter(string(in), decodeLimits); !errors.As(err, &limit) || limit.Limit != "nesting" {
			t.Errorf("20,000 levels of 0x%x: %v", byte(tag), err)
		}
	}
}

// Raw is how an attribute that needs no undo reaches the client.
func TestAttributeRaw(t *testing.T) {
	for _, s := range corpus {
		want, ok := s.value.(entry)
		if !ok || s.lax {
			continue
		}
		m, err := ldap.ParseMessage(octets(s.wire))
		if err != nil {
			t.Fatal(err)
		}
		e, err := ldap.DecodeEntry(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			a, ok, err := e.NextAttribute()
			if err != nil || !ok {
				if err != nil || i != len(want.Attributes) {
					t.Errorf("%s: %d attributes, %v", s.name, i, err)
				}
				break
			}
			// The attribute alone is an entry's list of one attribute.
			alone := entry{Attributes: want.Attributes[i : i+1]}
			body := ber.Append([]byte{0x04, 0x00}, ber.Sequence, a.Raw)
			if got, err := decodeEntry(body); err != nil || cmp.Diff(any(alone), got) != "" {
				t.Errorf("%s: attribute %d is % x: %v, %v", s.name, i, a.Raw, got, err)
			}
		}
	}
}
