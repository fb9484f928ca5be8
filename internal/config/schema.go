package config

import (
	"bytes"
	"encoding/json"
	"iter"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// Schema is a JSON Schema (draft 2020-12), as much of it as a configuration
// needs. Editors complete and check a file with it while it is written.
//
// It speaks of form only: names, types, choices. What a value means together
// with others, and which files exist, only loading can tell. What it refuses,
// the loader refuses too.
type Schema struct {
	Dialect     string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Type        any    `json:"type,omitempty"` // one name, or a list of them
	Enum        []any  `json:"enum,omitempty"`
	Pattern     string `json:"pattern,omitempty"`
	// PatternError is what VS Code says in place of the pattern.
	PatternError string     `json:"patternErrorMessage,omitempty"`
	Minimum      *int       `json:"minimum,omitempty"`
	Maximum      *int       `json:"maximum,omitempty"`
	Default      any        `json:"default,omitempty"`
	Items        *Schema    `json:"items,omitempty"`
	Properties   properties `json:"properties,omitempty"`
	Additional   *bool      `json:"additionalProperties,omitempty"` // false: there are no other keys
	Required     []string   `json:"required,omitempty"`
}

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// Patterns of the values that YAML has no type for. They are those of
// setDuration and setText, without the negative durations that no key takes.
const (
	durationPattern = `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
	sizePattern     = `^\s*[0-9]+\s*(KiB|MiB|GiB|B)?\s*$`
	networkPattern  = `^[0-9A-Fa-f:.]+/[0-9]{1,3}$`
)

// needed are the keys without a default that a configuration has to have, or the
// list item that they are in.
var needed = map[string]bool{
	"upstream.servers": true, "upstream.base": true,
	"listeners[].address": true, "groups.pairs[].legacy": true, "groups.pairs[].posix": true,
}

// Needed reports whether the key at path (items written as []) has no default and
// cannot be left out.
func Needed(path string) bool { return needed[path] }

// NewSchema returns the schema of the configuration file, made from the types and
// from the comments in configs/full.yaml.
func NewSchema() *Schema {
	w := schemaWriter{comments: keyComments()}
	s := w.section("", reflect.ValueOf(Default()))
	s.Dialect, s.Title, s.Type = schemaDialect, "Configuration of jamf-ldap-proxy", "object"
	return s
}

// DefaultText is the default as one writes it in a file, "" without one.
func (s *Schema) DefaultText() string {
	text, ok := s.Default.(string)
	if ok && text != "" || s.Default == nil {
		return text
	}
	data, err := json.Marshal(s.Default)
	if err != nil {
		panic(err) // made of nothing but texts, numbers and lists
	}
	return string(data)
}

// Keys yields every key of the schema with its path, in the order of the types,
// items of a list written as [].
func (s *Schema) Keys() iter.Seq2[string, *Schema] {
	return func(yield func(string, *Schema) bool) { s.walk("", yield) }
}

func (s *Schema) walk(path string, yield func(string, *Schema) bool) bool {
	if s.Items != nil {
		path, s = path+"[]", s.Items
	}
	for _, p := range s.Properties {
		at := join(path, p.name)
		if !yield(at, p.schema) || !p.schema.walk(at, yield) {
			return false
		}
	}
	return true
}

type schemaWriter struct{ comments map[string]string }

// of returns the schema of the value at path, whose default v is.
func (w *schemaWriter) of(path string, v reflect.Value) *Schema {
	var s *Schema
	switch t := v.Type(); {
	case isSection(t):
		s = w.section(path, v)
	case isList(t):
		s = w.list(path, v)
	default:
		s = scalarSchema(path, v)
	}
	s.Description = w.comments[path]
	if needed[path] {
		s.Description += " Required."
	}
	return s
}

// section has null among its types, as a list has: all that is in it may be
// commented out.
func (w *schemaWriter) section(path string, v reflect.Value) *Schema {
	no := false
	s := &Schema{Type: []string{"object", "null"}, Additional: &no}
	for _, f := range fieldsOf(v.Type()) {
		s.Properties = append(s.Properties, property{f.name, w.of(join(path, f.name), v.Field(f.index))})
	}
	return s
}

func (w *schemaWriter) list(path string, v reflect.Value) *Schema {
	s := &Schema{Type: []string{"array", "null"}}
	item := newItem(v.Type().Elem())
	if !isSection(item.Type()) {
		s.Items = scalarSchema(path+"[]", item)
		s.Items.Default = nil
		if !needed[path] {
			s.Default = defaultOf(v)
		}
		return s
	}
	s.Items = w.section(path+"[]", item)
	s.Items.Type = "object"
	// Elsewhere a variable may stand in for a key that the file lacks.
	for _, p := range s.Items.Properties {
		if needed[join(path+"[]", p.name)] {
			s.Items.Required = append(s.Items.Required, p.name)
		}
	}
	return s
}

func scalarSchema(path string, v reflect.Value) *Schema {
	s := &Schema{}
	switch t := v.Type(); {
	case choices[path] != nil:
		s.Enum = choicesAsJSON(choices[path])
	case t == durationType:
		s.Type, s.Pattern = "string", durationPattern
	case t == reflect.TypeFor[bytesize.Size]():
		s.Type, s.Pattern, s.Minimum = []string{"string", "integer"}, sizePattern, new(int)
	case t == reflect.TypeFor[netip.Prefix]():
		s.Type, s.Pattern = "string", networkPattern
	case t.Kind() == reflect.Bool:
		s.Type = "boolean"
	case t.Kind() == reflect.Int:
		least, most := 0, math.MaxInt32
		s.Type, s.Minimum, s.Maximum = "integer", &least, &most
	default:
		s.Type = []string{"string", "number"} // a group may be called 42
	}
	if s.Pattern != "" {
		s.PatternError = "write " + example(v.Type())
	}
	if !needed[path] {
		s.Default = defaultOf(v)
	}
	return s
}

// choicesAsJSON adds to a choice that looks like a number that number, because the
// quotes around it may be left out.
func choicesAsJSON(choices []string) []any {
	var values, numbers []any
	for _, c := range choices {
		values = append(values, c)
		if n, err := strconv.ParseFloat(c, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return append(values, numbers...)
}

// defaultOf returns a default as a file would have it.
func defaultOf(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Duration:
		return shortDuration(value)
	case bytesize.Size:
		return value.String()
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String() // some have types of their own
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return []string{} // and not null
	}
	return v.Interface()
}

// properties are the keys of a section, in the order of the types, which JSON
// made from a map would not keep.
type properties []property

type property struct {
	name   string
	schema *Schema
}

// MarshalJSON implements json.Marshaler.
func (ps properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range ps {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := json.Marshal(p.schema)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(p.name) + ":")
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
