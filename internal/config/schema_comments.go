package config

import (
	"strings"

	"jamf-ldap-proxy/configs"
)

// fullExample returns configs/full.yaml with its one example switched on: a # with
// two spaces behind it hides YAML, one with a single space is a comment.
func fullExample() string {
	text, err := configs.Files.ReadFile("full.yaml")
	if err != nil {
		panic(err) // it is embedded: a build without it is broken
	}
	return strings.NewReplacer("pairs: []", "pairs:", "#  ", "  ").Replace(string(text))
}

// keyComments returns what full.yaml says of each key: the comment lines directly
// above it, joined. Items of a list are written as []. It reads the shape that
// the file has, one key per line, and not all of YAML.
func keyComments() map[string]string {
	comments := map[string]string{}
	var above []string
	open := outline{{indent: -1}}
	for line := range strings.Lines(fullExample()) {
		text := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if comment, ok := strings.CutPrefix(text, "# "); ok {
			above = append(above, comment)
			continue
		}
		if key, ok := strings.CutPrefix(text, "- "); ok {
			open.add(indent, open.parent(indent)+"[]")
			text, indent = key, indent+2
		}
		if name, _, ok := strings.Cut(text, ":"); ok {
			path := join(open.parent(indent), name)
			comments[path] = strings.Join(above, " ")
			open.add(indent, path)
		}
		above = nil
	}
	return comments
}

// outline is the nesting of the lines that came last.
type outline []struct {
	indent int
	path   string
}

// parent forgets what does not contain a line of that indent and returns the path
// of what does.
func (o *outline) parent(indent int) string {
	for (*o)[len(*o)-1].indent >= indent {
		*o = (*o)[:len(*o)-1]
	}
	return (*o)[len(*o)-1].path
}

func (o *outline) add(indent int, path string) {
	*o = append(*o, struct {
		indent int
		path   string
	}{indent, path})
}
