package config

import (
	"fmt"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// choices are the values of the keys that take only a few: what the loader
// accepts and the schema offers.
var choices = map[string][]string{
	"listeners[].protocol":     {protocolLDAP, protocolLDAPS},
	"upstream.policy":          {string(upstream.PolicyOrdered), string(upstream.PolicyRoundRobin)},
	"upstream.tls.min_version": {"1.2", "1.3"},
	"groups.mode":              {string(rewrite.ModePosix), string(rewrite.ModeMerge), string(rewrite.ModeOff)},
	"groups.legacy_class":      {"groupOfNames", "groupOfUniqueNames"},
	"log.level":                {"debug", "info", "warn", "error"},
	"log.format":               {"auto", "json", "console", "slapd"},
	"log.privacy":              {"plain", "hash"},
}

// oneOf checks a value that has few choices.
func (l *loader) oneOf(path, value string) {
	choices := choices[withoutIndexes(path)]
	if slices.Contains(choices, value) {
		return
	}
	try := "write " + choice(choices)
	if near := nearest(value, choices); near != "" && len(value) > 3 {
		try = fmt.Sprintf("did you mean %s? The choices are %s", near, choice(choices))
	}
	if value == "" {
		l.mistake(path, "", "is empty", try)
		return
	}
	l.mistake(path, value, "is not one of its choices", try)
}

// choice writes "a, b or c".
func choice(choices []string) string {
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
