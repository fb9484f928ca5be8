package web

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/lookup"
)

// commandOf is the lookup as a command of OpenLDAP's tools, to repeat it. It asks
// for the password instead of having it. "" for what cannot be repeated: writes,
// what was cut, or what shows hashes in place of values.
//
// What a stranger asked becomes text that an administrator pastes into a shell, so
// there is no command either when a word of it could do more than be a word; see
// [command].
func (s *Server) commandOf(r *lookup.Record) string {
	if s.site().Hashed || s.site().ProxyURL == "" || strings.Contains(r.Filter, "***") {
		return ""
	}
	who := []string{"-x", "-H", s.site().ProxyURL}
	if r.BindDN != "" {
		who = append(who, "-D", r.BindDN, "-W")
	}
	switch r.Op {
	case lookup.OpBind:
		return command("ldapwhoami", who)
	case lookup.OpCompare:
		// The text of the assertion is (attribute=value). The tool reads a value that
		// begins with a colon as base64.
		assertion := strings.TrimSuffix(strings.TrimPrefix(r.Filter, "("), ")")
		attr, value, _ := strings.Cut(assertion, "=")
		if strings.Contains(assertion, `\`) || strings.HasPrefix(value, ":") {
			return ""
		}
		return command("ldapcompare", who, []string{"--", r.Base, attr + ":" + value})
	case lookup.OpSearch:
		if !strings.Contains(r.Filter, "=") { // (&) and (|), which the tool takes for attributes
			return ""
		}
		return command("ldapsearch", []string{"-LLL", "-o", "ldif-wrap=no"}, who,
			[]string{"-b", r.Base, "-s", r.Scope, "--", r.Filter}, r.Attrs)
	}
	return ""
}

// command breaks a long command where a shell lets it go on. What stands behind
// "--" is no option, whatever it begins with. It is "" when a word was cut or
// cannot be quoted.
func command(program string, parts ...[]string) string {
	var lines []string
	for _, words := range parts {
		if slices.ContainsFunc(words, isUnquotable) {
			return ""
		}
		if len(words) == 0 {
			continue
		}
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = shellQuoted(word)
		}
		lines = append(lines, strings.Join(quoted, " "))
	}
	return program + " " + strings.Join(lines, " \\\n  ")
}

// isUnquotable reports what was cut or is too long to paste, and what no quotes
// hold: a terminal acts on control characters, such as Ctrl-C, before the shell sees
// the quotes; direction marks show another command than the one that runs; and
// fish, unlike other shells, reads a backslash before a quote as part of the word.
func isUnquotable(s string) bool {
	return len(s) > maxShown || strings.HasSuffix(s, "…") || !isPrintable(s) || strings.Contains(s+"'", `\'`)
}

// isPrintable reports whether a person sees all of s.
func isPrintable(s string) bool { return lookup.Clip(s, len(s)) == s }

// shellQuoted is a word of a command that can be pasted, whatever is in it. Words
// that are plain to every shell stay as they are.
func shellQuoted(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=,.:/_@%+-"
	if s != "" && s[0] != '=' && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
