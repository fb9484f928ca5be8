package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

// limits are wide: the text comes from the administrator.
var limits = ldap.Limits{Nesting: 1000, FilterTerms: 1 << 16, Controls: 100, Attributes: 1 << 14}

// ParseFilter reads a filter as RFC 4515 writes it, and as Jamf's search box
// does: (cn=**).
func ParseFilter(text string) (ldap.Filter, error) {
	text = strings.TrimSpace(text)
	if text != "" && !strings.HasPrefix(text, "(") {
		text = "(" + text + ")"
	}
	packet, err := goldap.CompileFilter(text)
	if err != nil {
		var e *goldap.Error
		if errors.As(err, &e) && e.Err != nil {
			err = e.Err
		}
		return ldap.Filter{}, fmt.Errorf("reading the filter %s: %w", text, err)
	}
	f, err := ldap.DecodeFilter(string(packet.Bytes()), limits)
	if err != nil {
		return f, fmt.Errorf("reading the filter %s: %w", text, err)
	}
	return f, nil
}

// ParseScope reads a scope as ldapsearch and the log write it.
func ParseScope(text string) (ldap.Scope, error) {
	for _, s := range []ldap.Scope{ldap.ScopeBase, ldap.ScopeOne, ldap.ScopeSubtree, ldap.ScopeSubordinate} {
		if text == s.String() {
			return s, nil
		}
	}
	return 0, fmt.Errorf("scope %q is none of base, one, sub, children", text)
}

// ErrNoLookup is what a line without a search or a compare gives.
var ErrNoLookup = errors.New("no search and no compare")

// ParseLine reads a line of the proxy's JSON log. One of the two requests is
// not nil.
func ParseLine(line string) (*ldap.SearchRequest, *ldap.CompareRequest, error) {
	var r struct {
		Op, Base, Scope, Filter, Name string
		Attrs                         []string
		SizeLimit                     int32 `json:"size_limit"`
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return nil, nil, fmt.Errorf("reading the log line: it is no JSON (%w); use log.format: json", err)
	}
	if r.Op != "search" && r.Op != "compare" {
		return nil, nil, fmt.Errorf("%w: the line is of operation %q", ErrNoLookup, r.Op)
	}
	if strings.HasSuffix(r.Filter, "…") {
		return nil, nil, errors.New("the filter was cut when it was logged, because it is very long; give it with --filter")
	}
	f, err := ParseFilter(r.Filter)
	if err != nil {
		return nil, nil, err
	}
	if r.Op == "compare" {
		return nil, &ldap.CompareRequest{DN: r.Base, Attr: r.Name, Value: f.Value}, nil
	}
	scope, err := ParseScope(r.Scope)
	if err != nil {
		return nil, nil, err
	}
	return &ldap.SearchRequest{Base: r.Base, Scope: scope, Filter: f, Attributes: r.Attrs, SizeLimit: r.SizeLimit}, nil, nil
}
