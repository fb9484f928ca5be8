package ldap_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

var update = flag.Bool("update", false, "write testdata/trace.golden anew")

// The whole corpus as text. Read a change of the golden file before taking it.
func TestTraceGolden(t *testing.T) {
	var got bytes.Buffer
	for _, s := range corpus {
		fmt.Fprintf(&got, "# %s\n%s\n", s.name, ldap.AppendTrace(nil, octets(s.wire)))
	}
	const name = "testdata/trace.golden"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A refused message must not look like one that was understood.
func TestTraceTellsMalformed(t *testing.T) {
	for _, s := range corpus {
		line := string(ldap.AppendTrace(nil, octets(s.wire)))
		if got, want := strings.Contains(line, "malformed: "), s.malformed != ""; got != want {
			t.Errorf("%s: %s", s.name, line)
		}
	}
	deep := ldap.Present("cn")
	for range 70 {
		deep = ldap.Not(deep)
	}
	body := ldap.AppendSearchRequest(nil, &ldap.SearchRequest{Filter: deep})
	line := string(ldap.AppendTrace(nil, ldap.AppendOperation(nil, 3, ldap.OpSearchRequest, body, nil)))
	if line != "3 SEARCH refused: request exceeds limits.nesting (64)" {
		t.Errorf("a filter that is too deep: %s", line)
	}
}

// checkTraceLine fails unless line can stand in a log: one line, bounded, UTF-8
// that prints.
func checkTraceLine(t *testing.T, line string) {
	t.Helper()
	if len(line) > 8<<10 {
		t.Errorf("a line of %d octets", len(line))
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }); i >= 0 || line == "" {
		t.Errorf("octet %d of %q does not print", i, line)
	}
}

func TestTraceIsOneBoundedLine(t *testing.T) {
	nasty := strings.Repeat("\n\r\x00\u2028\u202e\xff\x7f\x1b[31m\U0001f600\"", 4096)
	op := func(op ber.Tag, body []byte, controls []byte) []byte {
		return ldap.AppendOperation(nil, 1<<31-1, op, body, controls)
	}
	text := func(n int) (b []byte) {
		for range n {
			b = ber.Append(b, ber.OctetString, nasty)
		}
		return b
	}
	many := entry{DN: nasty}
	var controls []byte
	for range 30 {
		controls = ldap.AppendControl(controls, ldap.Control{OID: nasty[:1000], Critical: true})
	}
	s := ldap.SearchRequest{Base: nasty, Filter: ldap.Equal(nasty, nasty)}
	for range 900 {
		many.Attributes = append(many.Attributes, attribute{nasty[:100], []string{nasty}})
		s.Attributes = append(s.Attributes, nasty[:100])
	}
	res := ldap.Result{Code: 1<<31 - 1, MatchedDN: nasty, Diagnostic: nasty}
	rest := append(ldap.AppendResultBody(nil, &res), bytes.Repeat([]byte{0xa3, 0}, 10_000)...)
	for name, frame := range map[string][]byte{
		"bind":      op(ldap.OpBindRequest, ldap.AppendSimpleBind(nil, nasty, nil), controls),
		"SASL":      op(ldap.OpBindRequest, append(octets("02 01 03 04 00"), ber.Append(nil, 0xa3, text(1))...), controls),
		"search":    op(ldap.OpSearchRequest, ldap.AppendSearchRequest(nil, &s), controls),
		"entry":     appendEntry(nil, 1, many, controls),
		"result":    ldap.AppendResult(nil, 1, ldap.OpSearchResultDone, &res, controls),
		"referrals": op(ldap.OpSearchResultDone, rest, controls),
		"compare":   op(ldap.OpCompareRequest, ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: nasty, Attr: nasty, Value: nasty}), controls),
		"extended":  op(ldap.OpExtendedRequest, ldap.AppendExtendedRequest(nil, nasty), controls),
		"notice":    ldap.AppendExtendedResponse(nil, 0, &res, nasty, []byte(nasty)),
		"modify":    op(ldap.OpModifyRequest, text(2), controls),
		"delete":    op(ldap.OpDelRequest, []byte(nasty), controls),
		"unknown":   op(0x7e, text(2), controls),
		"no frame":  []byte(nasty),
	} {
		t.Run(name, func(t *testing.T) {
			line := string(ldap.AppendTrace(nil, frame))
			checkTraceLine(t, line)
			if name != "no frame" && name != "referrals" && strings.Contains(line, "malformed") {
				t.Errorf("the frame is none: %s", line)
			}
		})
	}
}

// withSecret has the marker in every place of the protocol where a password or
// something as good as one stands.
func withSecret(marker string) map[string][]byte {
	op := func(op ber.Tag, body []byte) []byte { return ldap.AppendOperation(nil, 1, op, body, nil) }
	search := func(f ldap.Filter) []byte {
		return op(ldap.OpSearchRequest, ldap.AppendSearchRequest(nil, &ldap.SearchRequest{Filter: f}))
	}
	text := func(tag ber.Tag, s string) []byte { return ber.Append(nil, tag, s) }
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	change := join(text(0x04, "uid=x"), ber.Append(nil, ber.Sequence, ber.Append(nil, ber.Sequence,
		join(text(0x04, "userPassword"), ber.Append(nil, ber.Set, text(0x04, marker))))))
	passwords := join(text(0x80, "uid=x"), text(0x81, marker), text(0x82, marker))
	const rule = "2.5.13.17"
	piece := []ldap.Substring{{Kind: ldap.SubInitial, Value: marker}, {Kind: ldap.SubAny, Value: marker}, {Kind: ldap.SubFinal, Value: marker}}
	m := map[string][]byte{
		"simple bind": op(ldap.OpBindRequest, ldap.AppendSimpleBind(nil, "uid=x", []byte(marker))),
		"SASL bind":   op(ldap.OpBindRequest, join(octets("02 01 03 04 00"), ber.Append(nil, 0xa3, join(text(0x04, "PLAIN"), text(0x04, marker))))),
		"bind v2":     op(ldap.OpBindRequest, join(octets("02 01 02 04 00"), text(0x80, marker))),
		"bind result with credentials": op(ldap.OpBindResponse,
			join(octets("0a 01 00 04 00 04 00"), text(0x87, marker))),
		"extensible without type": search(ldap.Filter{Kind: ldap.FilterExtensible, Rule: rule, Value: marker}),
		"below AND, OR, NOT":      search(ldap.And(ldap.Or(ldap.Not(ldap.Equal("userPassword", marker))))),
		"modify":                  op(ldap.OpModifyRequest, change),
		"add":                     op(ldap.OpAddRequest, change),
		"password modification":   op(ldap.OpExtendedRequest, join(text(0x80, "1.3.6.1.4.1.4203.1.11.1"), text(0x81, string(ber.Append(nil, ber.Sequence, passwords))))),
		"any extended operation":  op(ldap.OpExtendedRequest, join(text(0x80, "1.2.3"), text(0x81, marker))),
		"generated password":      ldap.AppendExtendedResponse(nil, 1, &ldap.Result{}, "", ber.Append(nil, ber.Sequence, text(0x80, marker))),
		"intermediate response":   op(ldap.OpIntermediateResponse, join(text(0x80, "1.2.3"), text(0x81, marker))),
		"unknown operation":       op(0x7e, []byte(marker)),
		"control value": ldap.AppendOperation(nil, 1, ldap.OpUnbindRequest, nil,
			ldap.AppendControl(nil, ldap.Control{OID: "1.2.3", HasValue: true, Value: marker})),
		"page cookie": ldap.AppendOperation(nil, 1, ldap.OpUnbindRequest, nil,
			ldap.AppendControl(nil, ldap.PagedResults{Cookie: marker}.Control(true))),
		"paging control that is none": ldap.AppendOperation(nil, 1, ldap.OpUnbindRequest, nil,
			ldap.AppendControl(nil, ldap.Control{OID: ldap.OIDPagedResults, HasValue: true, Value: marker})),
	}
	for _, attr := range []string{"userPassword", "USERPASSWORD", "2.5.4.35", "userPassword;lang-en", " userPassword ", "unicodePwd", "sambaNTPassword"} {
		for kind := ldap.FilterEquality; kind <= ldap.FilterExtensible; kind++ {
			if kind != ldap.FilterPresent {
				m[fmt.Sprintf("filter %d of %s", kind, attr)] = search(ldap.Filter{Kind: kind, Attr: attr, Rule: rule, Value: marker, Substrings: piece})
			}
		}
		m["compare of "+attr] = op(ldap.OpCompareRequest, ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: "uid=x", Attr: attr, Value: marker}))
		m["entry with "+attr] = appendEntry(nil, 1, entry{"uid=x", []attribute{{"cn", []string{"a"}}, {attr, []string{marker}}}}, nil)
		m["entry with two values of "+attr] = appendEntry(nil, 1, entry{"uid=x", []attribute{{attr, []string{marker, marker}}}}, nil)
	}
	return m
}

func TestTraceHidesSecrets(t *testing.T) {
	const marker = "MARKERpw"
	check := func(what string, frame []byte) {
		t.Helper()
		line := string(ldap.AppendTrace(nil, frame))
		checkTraceLine(t, line)
		for n := len(marker); n > 3; n-- { // nor a good part of it
			if strings.Contains(line, marker[:n]) || strings.Contains(line, marker[len(marker)-n:]) {
				t.Errorf("%s: %s", what, line)
				return
			}
		}
	}
	for name, frame := range withSecret(marker) {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(frame, []byte(marker)) {
				t.Fatal("the marker is not in the frame")
			}
			if line := string(ldap.AppendTrace(nil, frame)); strings.Contains(line, "malformed:") {
				t.Fatalf("the frame is none: %s", line)
			}
			check("whole", frame)
			for i := range frame {
				check(fmt.Sprintf("cut behind octet %d", i), frame[:i])
				for _, octet := range []byte{0x00, 0x02, 0x04, 0x0a, 0x30, 0x31, 0x7f, 0x80, 0x84, 0xa3, 0xff, frame[i] + 1, frame[i] - 1} {
					spoilt := bytes.Clone(frame)
					spoilt[i] = octet
					if _, err := decodeAll(spoilt, decodeLimits); err != nil { // else it may be another, harmless message
						check(fmt.Sprintf("octet %d as 0x%02x", i, octet), spoilt)
					}
				}
			}
		})
	}
	// The same trace shows what is no secret, or the test above shows nothing.
	shown := appendEntry(nil, 1, entry{"uid=x", []attribute{{"cn", []string{marker}}}}, nil)
	if line := string(ldap.AppendTrace(nil, shown)); line != `1 ENTRY dn="uid=x" cn=MARKERpw` {
		t.Errorf("an ordinary value: %s", line)
	}
}
