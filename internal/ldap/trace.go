package ldap

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/ber"
)

// Bounds of the parts of a trace line, in octets before escaping, which makes
// four of one. Together they keep a line below 8 KiB.
const (
	traceName   = 256  // a DN, a diagnostic
	traceWord   = 64   // an attribute description, a value, an OID
	traceFilter = 1024 // after escaping
	traceList   = 1024 // attributes, values, controls: after escaping
)

// traceLimits lets a trace say what a limit would refuse, and no more.
var traceLimits = Limits{Nesting: 64, FilterTerms: 4096, Controls: 32, Attributes: 1000}

// AppendTrace appends one line of text, without its line break, that says what
// one complete frame is: for debugging and for transcripts in tests. It reads
// both directions. Passwords, SASL credentials, values of extended operations
// and of password attributes never appear in it, nor octets of a frame that
// does not decode. The line has one form for one message, but no grammar that
// another program should read.
func AppendTrace(dst, frame []byte) []byte {
	m, err := ParseMessage(frame)
	if err != nil {
		return appendFault(dst, err)
	}
	dst = strconv.AppendInt(dst, int64(m.ID), 10)
	dst = append(dst, ' ')
	start := len(dst)
	if dst, err = appendOperationTrace(dst, m); err == nil && m.Controls != nil {
		dst, err = appendControlsTrace(dst, m.Controls)
	}
	if err != nil {
		dst = appendOpName(dst[:start], m.Op)
		return appendFault(append(dst, ' '), err)
	}
	return dst
}

// appendFault writes a decoding error, which names a field and never quotes it.
func appendFault(dst []byte, err error) []byte {
	if limit := (*LimitError)(nil); errors.As(err, &limit) {
		return append(append(dst, "refused: "...), limit.Error()...)
	}
	text := strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": ")
	return append(append(dst, "malformed: "...), text...)
}

var opNames = map[ber.Tag]string{
	OpBindRequest: "BIND", OpBindResponse: "BIND-RESULT", OpUnbindRequest: "UNBIND",
	OpSearchRequest: "SEARCH", OpSearchResultEntry: "ENTRY", OpSearchResultDone: "DONE", OpSearchResultReference: "REFERENCE",
	OpModifyRequest: "MODIFY", OpModifyResponse: "MODIFY-RESULT", OpAddRequest: "ADD", OpAddResponse: "ADD-RESULT",
	OpDelRequest: "DELETE", OpDelResponse: "DELETE-RESULT", OpModifyDNRequest: "RENAME", OpModifyDNResponse: "RENAME-RESULT",
	OpCompareRequest: "COMPARE", OpCompareResponse: "COMPARE-RESULT", OpAbandonRequest: "ABANDON",
	OpExtendedRequest: "EXTENDED", OpExtendedResponse: "EXTENDED-RESULT", OpIntermediateResponse: "INTERMEDIATE",
}

func appendOpName(dst []byte, op ber.Tag) []byte {
	if name, ok := opNames[op]; ok {
		return append(dst, name...)
	}
	dst = append(dst, "UNKNOWN-0x"...)
	return strconv.AppendUint(dst, uint64(op), 16)
}

func appendOperationTrace(dst []byte, m Message) ([]byte, error) {
	dst = appendOpName(dst, m.Op)
	switch m.Op {
	case OpBindRequest:
		return appendBindTrace(dst, m.Body)
	case OpSearchRequest:
		return appendSearchTrace(dst, m.Body)
	case OpSearchResultEntry:
		return appendEntryTrace(dst, m.Body)
	case OpCompareRequest:
		c, err := DecodeCompareRequest(string(m.Body))
		dst = appendQuoted(dst, " dn=", c.DN)
		dst = appendWord(append(dst, ' '), c.Attr)
		return appendValue(append(dst, '='), c.Attr, c.Value), err
	case OpAbandonRequest:
		id, err := DecodeAbandonRequest(m.Body)
		return strconv.AppendInt(append(dst, ' '), int64(id), 10), err
	case OpExtendedRequest:
		e, err := DecodeExtendedRequest(m.Body)
		dst = appendOID(append(dst, ' '), e.OID)
		if e.HasValue {
			dst = appendSize(dst, " value=", len(e.Value))
		}
		return dst, err
	case OpModifyRequest, OpAddRequest, OpModifyDNRequest:
		r := ber.Read(m.Body)
		dn, err := r.Expect(ber.OctetString)
		if err != nil {
			return dst, malformed("name", err)
		}
		return appendQuoted(dst, " dn=", string(clip(dn, traceName+1))), nil
	case OpDelRequest:
		return appendQuoted(dst, " dn=", string(clip(m.Body, traceName+1))), nil
	case OpBindResponse, OpSearchResultDone, OpModifyResponse, OpAddResponse, OpDelResponse, OpModifyDNResponse, OpCompareResponse, OpExtendedResponse:
		return appendResultTrace(dst, m.Body)
	}
	return dst, nil
}

func appendBindTrace(dst, body []byte) ([]byte, error) {
	b, err := DecodeBindRequest(body)
	dst = strconv.AppendInt(append(dst, " v"...), int64(b.Version), 10)
	if b.Version != 3 {
		return dst, err
	}
	dst = appendQuoted(dst, " dn=", b.Name)
	switch {
	case !b.Simple:
		dst = appendWord(append(dst, " sasl="...), b.Mechanism)
	case len(b.Password) == 0:
		dst = append(dst, " simple password=none"...)
	default:
		dst = append(dst, " simple password=***"...)
	}
	return dst, err
}

var derefNames = [...]string{"never", "searching", "finding", "always"}

func appendSearchTrace(dst, body []byte) ([]byte, error) {
	s, err := DecodeSearchRequest(string(body), traceLimits)
	if err != nil {
		return dst, err
	}
	dst = appendQuoted(dst, " base=", s.Base)
	dst = append(append(dst, " scope="...), s.Scope.String()...)
	dst = append(append(dst, " deref="...), derefNames[s.Deref]...)
	dst = strconv.AppendInt(append(dst, " size="...), int64(s.SizeLimit), 10)
	dst = strconv.AppendInt(append(dst, " time="...), int64(s.TimeLimit), 10)
	if s.TypesOnly {
		dst = append(dst, " typesonly"...)
	}
	dst = s.Filter.AppendText(append(dst, " filter="...), traceFilter, isSecret)
	if len(s.Attributes) == 0 {
		return dst, nil
	}
	dst = append(dst, " attrs="...)
	for i, end := 0, len(dst)+traceList; i < len(s.Attributes); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(dst) >= end {
			return append(dst, "…"...), nil
		}
		dst = appendWord(dst, s.Attributes[i])
	}
	return dst, nil
}

func appendEntryTrace(dst, body []byte) ([]byte, error) {
	e, err := DecodeEntry(body)
	if err != nil {
		return dst, err
	}
	dst = appendQuoted(dst, " dn=", string(clip(e.DN, traceName+1)))
	cut := false
	for n, end := 0, len(dst)+traceList; ; n++ {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return dst, err
		}
		first, values := []byte(nil), 0
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return dst, err
			}
			if !ok {
				break
			}
			if values++; values == 1 {
				first = v
			}
		}
		if cut {
			continue // only to see that the rest decodes
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, ' ')
		if cut = len(dst) >= end; cut {
			dst = append(dst, "…"...)
			continue
		}
		name := string(clip(a.Description, traceWord+1))
		dst = append(appendWord(dst, name), '=')
		if values == 1 {
			dst = appendValue(dst, name, string(clip(first, traceWord+1)))
		} else {
			dst = append(strconv.AppendInt(append(dst, '<'), int64(values), 10), " values>"...)
		}
	}
}

func appendResultTrace(dst, body []byte) ([]byte, error) {
	res, rest, err := DecodeResult(body)
	if err != nil {
		return dst, err
	}
	dst = append(append(dst, ' '), res.Code.String()...)
	if res.MatchedDN != "" {
		dst = appendQuoted(dst, " matched=", res.MatchedDN)
	}
	if res.Diagnostic != "" {
		dst = appendQuoted(dst, " text=", res.Diagnostic)
	}
	var last ber.Tag
	for r := ber.Read(rest); !r.Empty(); {
		tag, contents, err := r.Next()
		if err != nil {
			return dst, malformed("response", err)
		}
		if tag&0x1f <= last {
			return dst, malformed("response", errors.New("elements out of order"))
		}
		last = tag & 0x1f
		switch tag {
		case ber.ContextConstructed(3):
			dst = append(dst, " referral"...)
		case ber.Context(7):
			dst = append(dst, " sasl=***"...)
		case ber.Context(10):
			dst = appendOID(append(dst, " name="...), string(contents))
		case ber.Context(11): // of a password modification: the new password
			dst = appendSize(dst, " value=", len(contents))
		default:
			dst = append(dst, " extra"...)
		}
	}
	return dst, nil
}

func appendControlsTrace(dst, contents []byte) ([]byte, error) {
	list, err := DecodeControls(string(contents), traceLimits.Controls)
	if err != nil || len(list) == 0 {
		return dst, err
	}
	dst = append(dst, " controls="...)
	end := len(dst) + traceList
	for i, c := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(dst) >= end {
			return append(dst, "…"...), nil
		}
		dst = appendOID(dst, c.OID)
		if c.OID == OIDPagedResults {
			dst = appendPagedTrace(dst, c.Value)
		}
		if c.Critical {
			dst = append(dst, '!')
		}
	}
	return dst, nil
}

func appendPagedTrace(dst []byte, value string) []byte {
	p, err := DecodePagedResults(value)
	if err != nil {
		return append(dst, "(malformed)"...)
	}
	dst = strconv.AppendInt(append(dst, '('), int64(p.Size), 10)
	if p.Cookie != "" {
		dst = append(dst, ",cookie"...)
	}
	return append(dst, ')')
}

const oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062

var oidNames = map[string]string{
	OIDStartTLS: "StartTLS", OIDWhoAmI: "WhoAmI", OIDNoticeOfDisconnection: "NoticeOfDisconnection",
	OIDManageDsaIT: "ManageDsaIT", OIDPagedResults: "PagedResults", oidPasswordModify: "PasswordModify",
}

func appendOID(dst []byte, oid string) []byte {
	if name, ok := oidNames[oid]; ok {
		return append(dst, name...)
	}
	return appendWord(dst, oid)
}

func appendSize(dst []byte, key string, n int) []byte {
	dst = append(append(dst, key...), '<')
	return append(strconv.AppendInt(dst, int64(n), 10), " octets>"...)
}

// appendValue writes an attribute value, or stars for one that must not be seen.
func appendValue(dst []byte, attr, value string) []byte {
	if isSecret(attr) {
		return append(dst, "***"...)
	}
	return appendWord(dst, value)
}

// isSecret tells whether values of an attribute are passwords or as good as
// one. The attribute of an extensible match that names none may be any.
func isSecret(description string) bool {
	name, _, _ := strings.Cut(description, ";")
	name = strings.TrimSpace(name)
	if name == "" {
		return true
	}
	if typ, _ := AttributeTypeOf(name); typ == UserPassword {
		return true
	}
	for _, secret := range [...]string{"unicodePwd", "sambaNTPassword", "sambaLMPassword", "authPassword"} {
		if strings.EqualFold(name, secret) {
			return true
		}
	}
	return false
}

// appendWord writes s bare where that is clear, in quotes otherwise.
func appendWord(dst []byte, s string) []byte {
	if s == "" || len(s) > traceWord || strings.ContainsFunc(s, needsQuotes) {
		return appendClipped(dst, s, traceWord)
	}
	return append(dst, s...)
}

func needsQuotes(r rune) bool {
	return r <= ' ' || r == '"' || r == ',' || r == '=' || r == '<' || r == '*' || r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r)
}

func appendQuoted(dst []byte, key, s string) []byte {
	return appendClipped(append(dst, key...), s, traceName)
}

// appendClipped quotes s, or a part of it that ends before limit octets and
// not inside a rune.
func appendClipped(dst []byte, s string, limit int) []byte {
	if len(s) <= limit {
		return strconv.AppendQuote(dst, s)
	}
	for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(s[limit]); i++ {
		limit--
	}
	return append(strconv.AppendQuote(dst, s[:limit]), "…"...)
}

func clip(b []byte, n int) []byte { return b[:min(len(b), n)] }
