package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on the form of a file. The YAML parser recurses once per level and,
// in a block mapping, once per key, copying as it returns, and it copies all
// tokens for every value left out: without these bounds a megabyte of "a: b"
// lines takes it minutes and gigabytes. Real files use 4
// levels, 20 keys and 14 tokens per pair, which leaves room for 7,000 pairs.
const (
	maxNesting = 32
	maxKeys    = 500
	maxTokens  = 100_000
	maxEmpty   = 1_000
)

// parse turns the bytes of a file into the one mapping that it must hold.
func (l *loader) parse(data []byte) (ast.Node, bool) {
	if len(data) > maxFileSize {
		l.mistakeAt(0, 0, "", "the configuration file "+errTooLarge.Error(), "check that --config names the right file")
		return nil, false
	}
	data = normalise(data)
	l.src = newSource(data)
	if !l.checkText(data) {
		return nil, false
	}
	tokens := lexer.Tokenize(string(data))
	if !l.checkForm(tokens) {
		return nil, false
	}
	file, err := parseTokens(tokens)
	if err != nil {
		l.syntaxMistake(err)
		return nil, false
	}
	return l.onlyDocument(file)
}

// parseTokens runs the YAML parser. A panic in it becomes an error: a broken
// file given on SIGHUP must never take the running proxy down.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("the YAML parser cannot read it: %v", r)
		}
	}()
	// Duplicate keys are found by our own walk, with both their places.
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// checkText refuses what is not text.
func (l *loader) checkText(data []byte) bool {
	line, column := 1, 1
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if (r == utf8.RuneError && size == 1) || (r < ' ' && r != '\n' && r != '\t') || r == 0x7f {
			l.mistakeAt(line, column, "", fmt.Sprintf("byte 0x%02x does not belong into a text file", rest[0]),
				"save the file as plain text in UTF-8")
			return false
		}
		rest = rest[size:]
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return true
}

// checkForm holds the tokens against the bounds above, before the parser sees
// them.
func (l *loader) checkForm(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		l.mistakeAt(0, 0, "", fmt.Sprintf("the configuration file has more than %d words", maxTokens), "check that --config names the right file")
		return false
	}
	var form form
	for i, t := range tokens {
		var next *token.Token
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		form.step(t, next)
		if form.depth() > maxNesting {
			l.mistakeAt(t.Position.Line, t.Position.Column, "", fmt.Sprintf("values are nested more than %d deep", maxNesting),
				"a configuration is at most 4 levels deep; look for a bracket that is not closed")
			return false
		}
		if form.keys() > maxKeys {
			l.mistakeAt(t.Position.Line, t.Position.Column, "", fmt.Sprintf("a section has more than %d keys", maxKeys),
				"look for a section that was pasted many times")
			return false
		}
		if form.empty > maxEmpty {
			l.mistakeAt(t.Position.Line, t.Position.Column, "", fmt.Sprintf("more than %d keys and list items have no value", maxEmpty),
				"remove the ones that are empty")
			return false
		}
	}
	return true
}

// form follows the nesting of a token stream. It need not be exact, only never
// see less than the parser will.
type form struct {
	flow  int     // open brackets and braces
	block []level // open block mappings and sequences, by column
	empty int     // keys and items without a value, roughly
}

type level struct{ column, keys int }

func (f *form) depth() int { return f.flow + len(f.block) }

func (f *form) keys() int {
	if len(f.block) == 0 {
		return 0
	}
	return f.block[len(f.block)-1].keys
}

func (f *form) step(t, next *token.Token) {
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		f.flow++
	case token.MappingEndType, token.SequenceEndType:
		f.flow = max(0, f.flow-1)
	case token.SequenceEntryType:
		f.open(t.Position.Column, 0)
	default:
		if next != nil && next.Type == token.MappingValueType {
			f.open(t.Position.Column, 1)
		}
	}
	f.countEmpty(t, next)
}

// countEmpty counts a dash or colon whose value would have to begin further
// right than the next word does.
func (f *form) countEmpty(t, next *token.Token) {
	if t.Type != token.SequenceEntryType && t.Type != token.MappingValueType {
		return
	}
	if f.flow > 0 || len(f.block) == 0 || next == nil || next.Position.Line == t.Position.Line {
		return
	}
	if next.Position.Column <= f.block[len(f.block)-1].column {
		f.empty++
	}
}

// open notes a block key (keys 1) or a list dash (keys 0) at a column.
func (f *form) open(column, keys int) {
	if f.flow > 0 {
		return
	}
	for len(f.block) > 0 && f.block[len(f.block)-1].column > column {
		f.block = f.block[:len(f.block)-1]
	}
	if len(f.block) > 0 && f.block[len(f.block)-1].column == column {
		f.block[len(f.block)-1].keys += keys
		return
	}
	f.block = append(f.block, level{column, keys})
}

// onlyDocument returns the body of the file's one document.
func (l *loader) onlyDocument(file *ast.File) (ast.Node, bool) {
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.DirectiveType || doc.Body.Type() == ast.CommentType {
			continue
		}
		bodies = append(bodies, doc.Body)
	}
	switch len(bodies) {
	case 0:
		l.mistakeAt(1, 1, "", "the file is empty: it needs at least upstream.servers and upstream.base",
			"the shortest configuration is\n"+indent(shortestExample()))
		return nil, false
	case 1:
		return bodies[0], true
	}
	at := startOf(bodies[1])
	l.mistakeAt(at.line, at.column, "", "a second document begins here; a configuration is one document",
		"remove the line --- before it")
	return nil, false
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// syntaxHints turns words of the YAML parser into advice.
var syntaxHints = []struct{ says, try string }{
	{"reserved character", `put the value in quotes, for example "@example.com"`},
	{"unexpected directive", "put a value that begins with % in quotes"},
	{"'\t'", "indent with spaces; YAML does not allow tabs"},
	{"tab character", "indent with spaces; YAML does not allow tabs"},
	{"end character of", "close the quotation mark"},
	{"end token", "close the bracket"},
	{"must be specified", "check commas and brackets of this line and the one above"},
	{"escape character", `write a backslash inside "..." twice, or use '...'`},
	{"mapping value is not allowed", "check the indentation of this line and the next; a value that contains \": \" needs quotes"},
	{"non-map value", "a line is `key: value`; is the colon, or the space behind it, missing?"},
	{"anchor", "anchors (&name) are not supported here; put a value that begins with & in quotes"},
	{"alias", "aliases (*name) are not supported here; put a value that begins with * in quotes"},
}

func (l *loader) syntaxMistake(err error) {
	var message string
	line, column := 1, 1
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		// Not Error(): it quotes the source, secrets included, and takes
		// minutes for a long line.
		message = syntax.GetMessage()
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			line, column = t.Position.Line, t.Position.Column
		}
	} else {
		message = err.Error()
	}
	try := "check the indentation and the quotation marks around this line"
	for _, hint := range syntaxHints {
		if strings.Contains(message, hint.says) {
			try = hint.try
			break
		}
	}
	l.mistakeAt(line, column, "", "this is not valid YAML: "+printable(strings.ReplaceAll(message, "\t", `\t`)), try)
}
