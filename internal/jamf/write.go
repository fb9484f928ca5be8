package jamf

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"strings"

	"jamf-ldap-proxy/internal/lookup"
)

// PasswordPlaceholder stands where the password belongs, which nothing here knows.
const PasswordPlaceholder = "PASSWORD-OF-THE-ACCOUNT"

// node is an element of a payload.
type node struct {
	name     string
	value    reflect.Value // of a leaf
	children []*node
}

// payload is the server as a tree, without what the API does not take.
func (s *Server) payload() *node {
	root := &node{name: "ldap_server"}
	for _, f := range s.Fields() {
		if f.readOnly || strings.HasPrefix(f.Path, pathMembership) && isOther(f.Label) && !s.Membership.usesOther() {
			continue
		}
		root.put(strings.Split(f.Path, "/"), f.target)
		if f.Path == pathConnection+"account/distinguished_username" {
			root.put([]string{"connection", "account", "password"}, reflect.ValueOf(PasswordPlaceholder))
		}
	}
	return root
}

// isOther tells whether a field of the membership mappings is of a membership
// object.
func isOther(label string) bool {
	switch label {
	case "Object Class Limitation", "Object Class(es)", "Search Base", "Search Scope", "Username Mapping", "Group ID Mapping":
		return true
	}
	return false
}

func (n *node) put(path []string, value reflect.Value) {
	if len(path) == 0 {
		n.value = value
		return
	}
	for _, c := range n.children {
		if c.name == path[0] {
			c.put(path[1:], value)
			return
		}
	}
	child := &node{name: path[0]}
	n.children = append(n.children, child)
	child.put(path[1:], value)
}

// WriteXML writes what POST /JSSResource/ldapservers/id/0 takes to make this
// server, with a placeholder for the password.
func (s *Server) WriteXML(w io.Writer) error {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	s.payload().xml(&out, "")
	_, err := w.Write(out.Bytes())
	return err
}

func (n *node) xml(out *bytes.Buffer, indent string) {
	fmt.Fprintf(out, "%s<%s>", indent, n.name)
	if n.children == nil {
		_ = xml.EscapeText(out, []byte(text(n.value)))
		fmt.Fprintf(out, "</%s>\n", n.name)
		return
	}
	out.WriteByte('\n')
	for _, c := range n.children {
		c.xml(out, indent+"  ")
	}
	fmt.Fprintf(out, "%s</%s>\n", indent, n.name)
}

// WriteJSON writes the same in the JSON that the API answers with; it takes only XML.
func (s *Server) WriteJSON(w io.Writer) error {
	var out bytes.Buffer
	out.WriteByte('{')
	s.payload().json(&out)
	out.WriteByte('}')
	var indented bytes.Buffer
	if err := json.Indent(&indented, out.Bytes(), "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err := w.Write(indented.Bytes())
	return err
}

// json keeps the order of the fields, which a map would not.
func (n *node) json(out *bytes.Buffer) {
	out.WriteString(quoted(n.name) + ":")
	if n.children == nil {
		switch n.value.Kind() {
		case reflect.Bool, reflect.Int:
			out.WriteString(text(n.value))
		default:
			out.WriteString(quoted(text(n.value)))
		}
		return
	}
	out.WriteByte('{')
	for i, c := range n.children {
		if i > 0 {
			out.WriteByte(',')
		}
		c.json(out)
	}
	out.WriteByte('}')
}

func quoted(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)
	return strings.TrimSpace(out.String())
}

// maxText bounds a text of somebody else in a message, in bytes.
const maxText = 200

func clip(s string) string { return lookup.Clip(s, maxText) }
