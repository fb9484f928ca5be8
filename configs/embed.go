// Package configs holds the example configurations that are shipped with the
// proxy. A test loads every one of them.
package configs

import (
	"cmp"
	"embed"
	"io/fs"
	"slices"
	"strings"
)

// Files holds minimal.yaml (the shortest configuration that works), full.yaml
// (every key with its default) and the presets for JumpCloud. The first line of
// each is a comment that says what it is.
//
//go:embed *.yaml
var Files embed.FS

// OrgID stands in every file where the ID of an organisation belongs.
const OrgID = "YOUR_ORG_ID"

// Preset is one of the files.
type Preset struct {
	Name  string // without .yaml
	About string // its first line
	Text  string
}

// Presets returns all files in the order of their names.
func Presets() []Preset {
	names, err := fs.Glob(Files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	presets := make([]Preset, len(names))
	for i, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			panic(err) // they are embedded
		}
		first, _, _ := strings.Cut(string(text), "\n")
		presets[i] = Preset{strings.TrimSuffix(name, ".yaml"), strings.TrimPrefix(first, "# "), string(text)}
	}
	slices.SortFunc(presets, func(a, b Preset) int { return cmp.Compare(a.Name, b.Name) })
	return presets
}
