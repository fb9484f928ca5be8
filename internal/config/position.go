package config

import (
	"strconv"
	"strings"
)

// origin says where a value came from: a place in the file, or a variable.
type origin struct {
	line, column int
	variable     string
}

// positions maps the path of a value (groups.pairs[2].posix) to its origin. A
// scalar's place is its value; a section's and a list's place is its key.
type positions map[string]origin

// nearest returns the origin of path or of the closest section around it: a
// key that is missing is reported at the section that misses it.
func (at positions) nearest(path string) origin {
	for p := path; ; p = parent(p) {
		if o, ok := at[p]; ok {
			return o
		}
		if p == "" {
			return origin{}
		}
	}
}

// given reports whether the value at path was written by the administrator.
func (at positions) given(path string) bool {
	_, ok := at[path]
	return ok
}

// fromEnv reports whether the value at path came from a variable.
func (at positions) fromEnv(path string) bool { return at.nearest(path).variable != "" }

// forget drops path and everything below it.
func (at positions) forget(path string) {
	for p := range at {
		if below(p, path) {
			delete(at, p)
		}
	}
}

// below reports whether p is path or inside it.
func below(p, path string) bool {
	rest, ok := strings.CutPrefix(p, path)
	return ok && (rest == "" || path == "" || rest[0] == '.' || rest[0] == '[')
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent cuts the last step of a path: groups.pairs[2].posix, groups.pairs[2],
// groups.pairs, groups, "".
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// withoutIndexes turns groups.pairs[2].posix into groups.pairs[].posix.
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		if r == ']' {
			inside = false
		}
		if !inside {
			b.WriteRune(r)
		}
		if r == '[' {
			inside = true
		}
	}
	return b.String()
}
