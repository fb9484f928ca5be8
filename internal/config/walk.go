package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The walk reads a YAML tree into the configuration by the types' yaml tags. A
// YAML library's own strict decoding stops at the first mistake and forgets
// where the good values stood; this one does neither.

// walkRoot reads the file's document and reports whether it is a configuration
// at all.
func (l *loader) walkRoot(node ast.Node) bool {
	l.at[""] = startOf(node)
	if _, ok := mappingEntries(node); !ok {
		at := startOf(node)
		l.mistakeAt(at.line, at.column, "", "a configuration is a list of `key: value` lines, this is "+describe(node),
			"the shortest configuration is\n"+indent(shortestExample()))
		return false
	}
	l.walk(node, "", reflect.ValueOf(&l.cfg).Elem())
	return true
}

// walk reads node into v, which belongs to path.
func (l *loader) walk(node ast.Node, path string, v reflect.Value) {
	switch {
	case l.refuseForm(node, path):
	case isSection(v.Type()):
		l.walkSection(node, path, v)
	case isList(v.Type()):
		l.walkList(node, path, v)
	default:
		l.walkScalar(node, path, v)
	}
}

func (l *loader) walkSection(node ast.Node, path string, v reflect.Value) {
	if node.Type() == ast.NullType && !strings.HasSuffix(path, "]") {
		return // a section whose keys are all commented out
	}
	entries, ok := mappingEntries(node)
	if !ok {
		names := keyNames(v.Type())
		l.mistake(path, scalarText(node), "must hold keys, this is "+describe(node),
			"put keys below it, indented: "+strings.Join(names, ", "))
		return
	}
	firstLine := map[string]int{}
	for _, entry := range entries {
		l.walkEntry(entry, path, v, firstLine)
	}
}

// walkEntry reads one `key: value` of the section v. firstLine remembers where
// each key of the section stood first.
func (l *loader) walkEntry(entry *ast.MappingValueNode, path string, v reflect.Value, firstLine map[string]int) {
	at := originOf(entry.Key.GetToken())
	name, ok := keyName(entry.Key)
	if !ok {
		l.mistakeAt(at.line, at.column, path, "a key must be a plain word; anchors, tags and merge keys (<<) are not supported",
			"write the keys out")
		return
	}
	f, known := fieldNamed(v.Type(), name)
	keyPath := join(path, shownKey(name))
	if line, twice := firstLine[name]; twice {
		if known {
			l.mistakeAt(at.line, at.column, keyPath, fmt.Sprintf("is given twice, first on line %d", line),
				"keep one of the two")
		}
		return
	}
	firstLine[name] = at.line
	if !known {
		l.unknownKey(path, name, at, v.Type())
		return
	}
	l.at[keyPath] = at
	if entry.Value != nil {
		l.walk(entry.Value, keyPath, v.Field(f.index))
	}
}

func (l *loader) walkList(node ast.Node, path string, v reflect.Value) {
	if node.Type() == ast.NullType {
		return // a list whose items are all commented out
	}
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		try := "write a list: [first, second], or one line with a dash for each"
		if text := scalarText(node); text != "" {
			try = "write a list, also for one value: [" + quoted(hideSecrets(path, text)) + "]"
		}
		l.mistake(path, scalarText(node), "must be a list, this is "+describe(node), try)
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(seq.Values))
	for i, value := range seq.Values {
		p := item(path, i)
		element := newItem(v.Type().Elem())
		if value != nil {
			l.at[p] = startOf(value)
			l.walk(value, p, element)
		}
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

func (l *loader) walkScalar(node ast.Node, path string, v reflect.Value) {
	if node.Type() == ast.NullType {
		// The parser places an absent value behind its line; the key, noted
		// before, is the better place.
		l.mistake(path, "", "has no value", "write "+example(v.Type())+", or remove the key")
		return
	}
	l.at[path] = startOf(node)
	s, ok := scalarOf(node)
	if !ok {
		l.mistake(path, "", "must be "+wanted(v.Type())+", this is "+describe(node), "write "+example(v.Type()))
		return
	}
	if fault := setScalar(v, s); fault != nil {
		l.mistake(path, s.text, fault.message, fault.try)
	}
}

// refuseForm reports YAML that means more than it shows. Anchors and aliases
// would make one place the value of several keys, and a few lines of them
// gigabytes of configuration.
func (l *loader) refuseForm(node ast.Node, path string) bool {
	what := ""
	switch node.Type() {
	case ast.AnchorType:
		what = "anchors (&name) are not supported"
	case ast.AliasType:
		what = "aliases (*name) are not supported"
	case ast.TagType:
		what = "tags (!name) are not supported"
	case ast.MergeKeyType:
		what = "merge keys (<<) are not supported"
	default:
		return false
	}
	l.at[path] = startOf(node)
	l.mistake(path, "", what, "write the value out; put a text that begins with & * or ! in quotes")
	return true
}

// mappingEntries returns the entries of a mapping.
func mappingEntries(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// keyName returns the text of a mapping key; complex keys have none.
func keyName(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	}
	return "", false
}

// shownKey is a key's name as a step of a path; an odd one is quoted.
func shownKey(name string) string {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return quoted(name)
		}
	}
	if name == "" || len(name) > maxValueLength {
		return quoted(name)
	}
	return name
}

// startOf returns the place where a value begins; a block mapping begins at its
// first key, though its token is the colon.
func startOf(node ast.Node) origin {
	if entries, ok := mappingEntries(node); ok && len(entries) > 0 {
		if m, isMap := node.(*ast.MappingNode); !isMap || !m.IsFlowStyle {
			return originOf(entries[0].Key.GetToken())
		}
	}
	return originOf(node.GetToken())
}

func originOf(t *token.Token) origin {
	if t == nil || t.Position == nil {
		return origin{line: 1, column: 1}
	}
	return origin{line: max(t.Position.Line, 1), column: max(t.Position.Column, 1)}
}

// describe names the kind of a value as an administrator would.
func describe(node ast.Node) string {
	switch node.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a section with keys"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	}
	return "text"
}
