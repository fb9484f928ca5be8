package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/lookup"
)

// maxPairsInFile is how many pairs fit into a configuration file, about.
const maxPairsInFile = 6500

// printPairYAML writes the pairs as a block of the configuration file, with
// everything else as comments.
func printPairYAML(out output, r *discovery.Result) error {
	var b strings.Builder
	b.WriteString("groups:\n")
	writeYAMLPairs(&b, r)
	for _, a := range r.Ambiguous {
		comment(&b, "")
		comment(&b, a.Reason.Why()+"; "+a.Reason.Try()+":")
		comment(&b, "  console: "+names(a.Legacy))
		comment(&b, "  Linux:   "+names(a.Posix))
	}
	for _, list := range [][]discovery.Unpaired{r.NoLinuxGroup, r.NoLegacyGroup} {
		writeYAMLUnpaired(&b, list)
	}
	for _, w := range r.Warnings {
		comment(&b, "")
		comment(&b, "warning: "+lookup.Clip(w, 1000))
	}
	if len(r.Pairs) > maxPairsInFile {
		comment(&b, "")
		comment(&b, fmt.Sprintf("warning: a configuration file takes about %d pairs; use groups.discover instead", maxPairsInFile))
	}
	_, err := out.Write([]byte(b.String()))
	return err
}

// writeYAMLPairs writes the list, by reason. A group ID that more than one pair
// has is left out, because the configuration refuses it.
func writeYAMLPairs(b *strings.Builder, r *discovery.Result) {
	shared := make(map[int]int)
	for _, p := range r.Pairs {
		shared[p.GID]++
	}
	var left []discovery.Pair
	written := 0
	for _, reason := range []discovery.Reason{discovery.Configured, discovery.NamesAgree, discovery.OnlyMembers} {
		heading := false
		for _, p := range r.Pairs {
			switch {
			case p.Reason != reason:
				continue
			case !fitsYAML(p.Legacy) || !fitsYAML(p.Posix):
				left = append(left, p)
				continue
			case written == 0:
				b.WriteString("  pairs:\n")
			}
			if !heading {
				heading = true
				fmt.Fprintf(b, "    # %s\n", reason.Why())
			}
			gid := ""
			if p.GID != 0 && shared[p.GID] == 1 {
				gid = fmt.Sprintf(", gid: %d", p.GID)
			}
			fmt.Fprintf(b, "    - { legacy: %s, posix: %s%s }\n", yamlText(p.Legacy), yamlText(p.Posix), gid)
			written++
		}
	}
	if written == 0 {
		b.WriteString("  pairs: []\n")
	}
	for _, p := range left {
		comment(b, fmt.Sprintf("left out, because a name has characters that cannot be written here: %s = %s", shownName(p.Legacy), shownName(p.Posix)))
	}
}

func writeYAMLUnpaired(b *strings.Builder, list []discovery.Unpaired) {
	if len(list) == 0 {
		return
	}
	comment(b, "")
	comment(b, "without a pair:")
	for _, u := range list {
		comment(b, "  "+nameAndGID(u.Group)+": "+whyUnpaired(u)+"; "+u.Reason.Try())
	}
}

func comment(b *strings.Builder, text string) {
	b.WriteString(strings.TrimRight("# "+text, " ") + "\n")
}

func names(groups []discovery.Group) string {
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = nameAndGID(g)
	}
	return strings.Join(list, ", ")
}

func nameAndGID(g discovery.Group) string {
	text := yamlText(shownName(g.Name))
	if g.GID != 0 {
		text += fmt.Sprintf(" (gid %d)", g.GID)
	}
	return text
}

// fitsYAML tells whether the configuration takes the name.
func fitsYAML(name string) bool {
	return strings.TrimSpace(name) != "" && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// plainText needs no quotes, unless it is a word that means something to YAML.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// yamlText writes a name as a YAML scalar inside braces. Everything that is not
// plain goes in double quotes: the library leaves some of it unquoted that it
// then reads as something else, such as a{b.
func yamlText(name string) string {
	options := []yaml.EncodeOption{yaml.JSON()}
	if plainText.MatchString(name) {
		options = nil
	}
	text, err := yaml.MarshalWithOptions(name, options...)
	if err != nil {
		return fmt.Sprintf("%q", name) // a string can always be written
	}
	return strings.TrimRight(string(text), "\n")
}
