package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"jamf-ldap-proxy/internal/bytesize"
)

// scalar is one value as written.
type scalar struct {
	text string
	kind scalarKind
}

type scalarKind int

const (
	anyScalar scalarKind = iota // from a variable, where everything is text
	textScalar
	intScalar
	floatScalar
	boolScalar
)

// scalarOf returns the scalar that a node holds.
func scalarOf(node ast.Node) (scalar, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return scalar{n.Value, textScalar}, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return scalar{kind: textScalar}, true
		}
		return scalar{strings.TrimRight(n.Value.Value, "\n"), textScalar}, true
	case *ast.IntegerNode:
		return scalar{n.GetToken().Value, intScalar}, true
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{n.GetToken().Value, floatScalar}, true
	case *ast.BoolNode:
		return scalar{n.GetToken().Value, boolScalar}, true
	}
	return scalar{}, false
}

// scalarText is the text of a scalar node, "" for every other node.
func scalarText(node ast.Node) string {
	s, _ := scalarOf(node)
	return s.text
}

// fault says what is wrong with a value and what to do about it.
type fault struct{ message, try string }

var durationType = reflect.TypeFor[time.Duration]()

// readsText reports whether values of t read themselves from text.
func readsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// setScalar stores what was written into v.
func setScalar(v reflect.Value, s scalar) *fault {
	switch {
	case readsText(v.Type()):
		return setText(v, s)
	case v.Type() == durationType:
		return setDuration(v, s)
	}
	switch v.Kind() {
	case reflect.String:
		return setString(v, s)
	case reflect.Bool:
		return setBool(v, s)
	case reflect.Int:
		return setInt(v, s)
	}
	panic("config: no way to read a " + v.Type().String()) // a test walks every type
}

// setString takes numbers as they stand: min_version: 1.3 and a group named 42
// mean their text.
func setString(v reflect.Value, s scalar) *fault {
	if s.kind == boolScalar {
		return &fault{"must be text, this is true or false", fmt.Sprintf("put it in quotes if it is meant: %q", s.text)}
	}
	for _, r := range s.text {
		if r < ' ' || r == 0x7f {
			return &fault{"contains a line break or a control character", "write the value on one line"}
		}
	}
	v.SetString(s.text)
	return nil
}

func setBool(v reflect.Value, s scalar) *fault {
	isBool := s.kind == boolScalar || s.kind == anyScalar
	switch text := strings.ToLower(s.text); {
	case isBool && text == "true":
		v.SetBool(true)
	case isBool && text == "false":
		v.SetBool(false)
	default:
		return &fault{"must be true or false", "write true or false, without quotes"}
	}
	return nil
}

func setInt(v reflect.Value, s scalar) *fault {
	n, err := strconv.ParseInt(s.text, 10, 32)
	switch {
	case s.kind != intScalar && s.kind != anyScalar:
		return &fault{"must be a whole number", "write a plain number such as 64, without quotes"}
	case err != nil:
		return &fault{"must be a whole number of at most 2147483647", "write a plain number such as 64"}
	}
	v.SetInt(n)
	return nil
}

func setDuration(v reflect.Value, s scalar) *fault {
	if s.kind == intScalar || isDigits(s.text) {
		return &fault{"has no unit", fmt.Sprintf("write a unit: %ss for seconds, %sm for minutes", s.text, s.text)}
	}
	d, err := time.ParseDuration(s.text)
	if err != nil {
		try := "write a number with ms, s, m or h: 500ms, 30s, 15m, 1h30m"
		if days, ok := strings.CutSuffix(s.text, "d"); ok && isDigits(days) {
			try = "there is no unit for days; write hours: 24h for one day"
		}
		return &fault{"is not a duration", try}
	}
	v.SetInt(int64(d))
	return nil
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// setText lets the type read itself. The types' own messages are not used: they
// repeat the value, and do not say what to do.
func setText(v reflect.Value, s scalar) *fault {
	fresh := reflect.New(v.Type())
	err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s.text))
	// netip.Prefix takes "" for "no prefix"; nobody who writes it means that.
	if err == nil && strings.TrimSpace(s.text) != "" {
		v.Set(fresh.Elem())
		return nil
	}
	switch v.Interface().(type) {
	case bytesize.Size:
		return &fault{"is not a size", "write a whole number with KiB, MiB or GiB: 256KiB"}
	case netip.Prefix:
		return prefixFault(s.text)
	}
	return &fault{"must be " + wanted(v.Type()), "write " + example(v.Type())}
}

func prefixFault(text string) *fault {
	try := "write an address and the length of its network: 10.0.0.0/8 or 192.168.1.20/32"
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		try = fmt.Sprintf("for this one address write %s/%d", addr, addr.BitLen())
	}
	return &fault{"is not a network", try}
}

// wanted names the values that a type takes.
func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t == reflect.TypeFor[bytesize.Size]():
		return "a size"
	case t == reflect.TypeFor[netip.Prefix]():
		return "a network"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	}
	return "text"
}

// example shows one such value.
func example(t reflect.Type) string {
	switch wanted(t) {
	case "a duration":
		return "a duration such as 30s"
	case "a size":
		return "a size such as 256KiB"
	case "a network":
		return "a network such as 10.0.0.0/8"
	case "a whole number":
		return "a number such as 64"
	case "true or false":
		return "true or false"
	}
	return "one text behind the colon"
}
