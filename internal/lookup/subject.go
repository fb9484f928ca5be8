package lookup

import (
	"encoding/hex"
	"iter"
	"slices"
	"strings"
)

// readText bounds how much of a client's text is read for a subject or a name. It
// is more than a record has of one, unless its values are hashed.
const readText = 4 << 10

// Subject returns what a lookup asks for, short enough for a column: the user or
// group by name, "member=jon.snow" for a membership. It reads the texts of the
// record roughly; the record has them in full.
func (r *Record) Subject() string {
	switch r.Op {
	case OpBind:
		return orElse(firstValue(r.BindDN), "anonymous")
	case OpExtended:
		return extensionName(r.Name)
	case OpSearch, OpCompare:
		return strings.Join(r.searchedFor(), " ")
	}
	return firstValue(r.Base)
}

// User returns the user that the lookup is about, as the client named it: the
// name in a bind or member DN, the value of uid or memberUid, a search text with
// its stars, "uid 5001" by number. It is "" when there is none. In a hashed record
// it is the hash, the same one wherever that user is named.
func (r *Record) User() string {
	if r.Op == OpBind {
		return firstValue(r.BindDN)
	}
	for name, value := range r.namedIn() {
		switch name {
		case "member", "uniquemember", "memberuid":
			return firstValue(value)
		case "uid", "mail", "sn", "givenname", "samaccountname":
			return value
		case "uidnumber":
			return "uid " + value
		case "cn", "displayname", "entryuuid":
			if r.Kind == KindUser {
				return value
			}
		}
	}
	if r.isOfOne() && r.isOfUsers() {
		return firstValue(r.Base)
	}
	return ""
}

// Group returns the group that the lookup is about, as the client named it, in
// the same way. A name that may be a user's or a group's counts as a group's.
func (r *Record) Group() string {
	if r.Kind == KindUser || r.Kind == KindBind {
		return ""
	}
	for name, value := range r.namedIn() {
		switch name {
		case "cn", "entryuuid":
			return value
		case "memberof":
			return firstValue(value)
		case "gidnumber":
			return "gid " + value
		}
	}
	if r.isOfOne() && !r.isOfUsers() && isNamedBy(r.Base, "cn") && r.Kind != KindSchema {
		return firstValue(r.Base)
	}
	return ""
}

// namedIn yields the attributes of the filter, in lower case, that are asserted to
// have a certain value, and that value: neither everything nor nothing.
func (r *Record) namedIn() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for name, value := range assertions(r.Filter) {
			if strings.Trim(value, "*") != "" && !yield(strings.ToLower(name), unescaped(value)) {
				return
			}
		}
	}
}

// isOfOne reports whether the lookup is about one entry, which Base names.
func (r *Record) isOfOne() bool { return r.Op != OpSearch || r.Scope == "base" }

// isOfUsers reports whether Base, of a lookup of one entry, names a user.
func (r *Record) isOfUsers() bool {
	return r.Kind == KindUser || r.Kind == KindUserGroups || isNamedBy(r.Base, "uid")
}

func isNamedBy(dn, attr string) bool {
	name, _, found := strings.Cut(dn, "=")
	return found && strings.EqualFold(strings.TrimSpace(name), attr)
}

// searchedFor lists the entry that is read, if it is one entry, and the values of
// the filter.
func (r *Record) searchedFor() []string {
	var list []string
	if r.isOfOne() {
		list = appendNew(list, firstValue(r.Base))
	}
	everything := false
	for name, value := range assertions(r.Filter) {
		switch {
		case strings.EqualFold(name, "objectClass"):
		case strings.Trim(value, "*") == "":
			everything = true // a presence, or the (cn=**) of an empty search box
		default:
			list = appendNew(list, shownAssertion(name, value))
		}
	}
	if len(list) == 0 && everything {
		return []string{"*"}
	}
	return list
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// assertions yields the attribute and the value of each item of an RFC 4515 filter
// that is not denied, as far as a column could show them.
func assertions(filter string) iter.Seq2[string, string] {
	filter = filter[:min(len(filter), readText)]
	return func(yield func(name, value string) bool) {
		denied := false
		for part := range strings.FieldsFuncSeq(filter, isParenthesis) {
			name, value, found := strings.Cut(part, "=")
			if found && !denied && !yield(attribute(name), value) {
				return
			}
			denied = part == "!"
		}
	}
}

// attribute is an item's name without options, matching rule and operator.
func attribute(name string) string {
	if i := strings.IndexAny(name, ";:~<>"); i > 0 {
		return name[:i]
	}
	return name
}

func isParenthesis(r rune) bool { return r == '(' || r == ')' }

// shownAssertion drops the names that Jamf searches people and groups by, and
// shortens DNs.
func shownAssertion(name, value string) string {
	value = unescaped(value)
	switch strings.ToLower(name) {
	case "cn", "uid", "mail", "sn", "givenname", "displayname":
		return value
	case "member", "uniquemember", "memberuid", "memberof":
		return name + "=" + firstValue(value)
	}
	return name + "=" + value
}

// firstValue returns the value of a DN's first component, or s if it is no DN.
func firstValue(s string) string {
	s = s[:min(len(s), readText)]
	component, _, _ := cutComponent(s)
	if _, value, found := strings.Cut(component, "="); found {
		return plainValue(value)
	}
	return s
}

// unescaped undoes the \28 of filters and DNs and the \, of DNs.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		if raw, err := hex.DecodeString(s[i+1 : min(i+3, len(s))]); err == nil && len(raw) == 1 {
			out.Write(raw)
			i += 2
			continue
		}
		out.WriteByte(s[i+1])
		i++
	}
	return out.String()
}

// extensionName names the extended operations that clients of a directory send.
func extensionName(oid string) string {
	switch oid {
	case "1.3.6.1.4.1.1466.20037":
		return "StartTLS"
	case "1.3.6.1.4.1.4203.1.11.3":
		return "WhoAmI"
	}
	return oid
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
