package config

import (
	"reflect"
	"strings"
)

// renamed has the keys that had another name in an earlier version, without
// indexes. They are refused like every key that is not known, and the answer names
// the new one: taken in silence, a file would have two ways to say one thing.
var renamed = map[string]string{}

// unknownKey reports a key that the section at path does not have.
func (l *loader) unknownKey(path, name string, at origin, section reflect.Type) {
	refuse := func(message, try string) {
		l.mistakeAt(at.line, at.column, join(path, shownKey(name)), message, try)
	}
	if now := renamed[withoutIndexes(join(path, name))]; now != "" {
		refuse("has another name in this version", "write "+now)
		l.excused[now] = true
		return
	}
	const unknown = "there is no such key"
	if near := nearest(name, keyNames(section)); near != "" && !strings.Contains(name, ".") {
		refuse(unknown, "did you mean "+near+"?")
		l.excused[join(path, near)] = true
		return
	}
	for _, known := range Keys() {
		last := known[strings.LastIndex(known, ".")+1:]
		switch {
		case known == name:
			refuse(unknown, "write "+last+" below "+parent(known)+", indented")
		case last == name:
			refuse(unknown, "did you mean "+known+"? Then it belongs below "+parent(known)+", indented")
		default:
			continue
		}
		l.excused[known] = true
		return
	}
	refuse(unknown, "keys known here: "+strings.Join(keyNames(section), ", ")+"; or is the file for a later version?")
}

// keyNames lists the keys of a section.
func keyNames(section reflect.Type) []string {
	var names []string
	for _, f := range fieldsOf(section) {
		names = append(names, f.name)
	}
	return names
}

func fieldNamed(section reflect.Type, name string) (field, bool) {
	for _, f := range fieldsOf(section) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// nearest returns the candidate that word is most likely a misspelling of, or
// "" when none is close.
func nearest(word string, candidates []string) string {
	if len(word) > maxValueLength {
		return ""
	}
	folded := fold(word)
	best, bestDistance := "", 1+min(3, (len(folded)+1)/3)
	for _, c := range candidates {
		d := distance(folded, fold(c))
		// cert for certificate, base_dn for base.
		if short, long := min(len(folded), len(c)), max(len(folded), len(c)); d > 1 && short >= 3 && long > short &&
			(strings.HasPrefix(fold(c), folded) || strings.HasPrefix(folded, fold(c))) {
			d = 1
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// fold makes spellings equal that people mix up.
func fold(word string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(word))
}

// distance counts the letters to add, drop, change or swap with their neighbour
// to get from a to b.
func distance(a, b string) int {
	older, old := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old = old, row
	}
	return old[len(b)]
}
