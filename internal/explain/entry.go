package explain

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/ldif"
	"jamf-ldap-proxy/rewrite"
)

// passThrough sends a sample entry through the plan: first what upstream would
// return of it for the request, then what the client gets. Whether upstream's
// filter matches the entry is upstream's to say.
func passThrough(plan *rewrite.Plan, sample *ldif.Entry) (Entry, error) {
	returned := selected(&plan.Request, sample)
	body := encode(returned)
	shown := Entry{Before: text(returned), Kept: true}
	if !plan.Bridged {
		shown.After = shown.Before
		return shown, nil
	}
	message, kept, err := plan.AppendEntry(nil, 1, body, nil)
	if err != nil || !kept {
		shown.Kept = false
		return shown, err
	}
	m, err := ldap.ParseMessage(message)
	if err != nil {
		return shown, fmt.Errorf("reading the translated entry: %w", err)
	}
	shown.After, err = decode(m.Body)
	return shown, err
}

// selected is the entry with what the request asks for. An LDIF does not say
// which attributes are operational, so those of the sample are user attributes.
func selected(req *ldap.SearchRequest, e *ldif.Entry) *ldif.Entry {
	want := req.Selection()
	out := &ldif.Entry{DN: e.DN}
	for _, a := range e.Attrs {
		if want.All() || want.Named(a.Name) {
			out.Attrs = append(out.Attrs, a)
		}
	}
	return out
}

// encode returns the body of a SearchResultEntry, RFC 4511 section 4.5.2.
func encode(e *ldif.Entry) []byte {
	body := ber.Append(nil, ber.OctetString, e.DN)
	body, list := ber.Begin(body, ber.Sequence, 0)
	done := map[string]bool{}
	for _, a := range e.Attrs {
		key := strings.ToLower(a.Name)
		if done[key] {
			continue
		}
		done[key] = true
		var one, set ber.Mark
		body, one = ber.Begin(body, ber.Sequence, 0)
		body = ber.Append(body, ber.OctetString, a.Name)
		body, set = ber.Begin(body, ber.Set, 0)
		for _, b := range e.Attrs {
			if strings.EqualFold(b.Name, a.Name) {
				body = ber.Append(body, ber.OctetString, b.Value)
			}
		}
		body = ber.End(body, set, 0)
		body = ber.End(body, one, 0)
	}
	return ber.End(body, list, 0)
}

// decode writes an encoded entry as LDIF.
func decode(body []byte) (string, error) {
	from, err := ldap.DecodeEntry(body)
	if err != nil {
		return "", err
	}
	e := &ldif.Entry{DN: string(from.DN)}
	for {
		a, ok, err := from.NextAttribute()
		if err != nil {
			return "", err
		}
		if !ok {
			return text(e), nil
		}
		name := string(a.Description)
		if a.Values.Empty() {
			e.Attrs = append(e.Attrs, ldif.Attr{Name: name})
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return "", err
			}
			if !ok {
				break
			}
			e.Attrs = append(e.Attrs, ldif.Attr{Name: name, Value: string(v)})
		}
	}
}

// text is LDIF without line breaks within values.
func text(e *ldif.Entry) string {
	var b strings.Builder
	line := func(name, value string) {
		switch {
		case value == "":
			b.WriteString(name + ":\n")
		case isSafe(value):
			b.WriteString(name + ": " + value + "\n")
		default:
			b.WriteString(name + ":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
		}
	}
	line("dn", e.DN)
	for _, a := range e.Attrs {
		line(a.Name, a.Value)
	}
	return b.String()
}

// isSafe is wider than RFC 2849's SAFE-STRING: this LDIF is for reading, and
// names beyond ASCII are easier to read as they are.
func isSafe(s string) bool {
	if !utf8.ValidString(s) || strings.ContainsAny(s[:1], " :<") || strings.HasSuffix(s, " ") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
