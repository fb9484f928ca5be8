package web_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// node is an element of a page. The pages are HTML that can be read as XML, nearly:
// every byte of it is text that may be shown, and every < begins an element.
type node struct {
	tag    string
	attrs  map[string]string
	parts  []string // text, with a place for each child
	kids   []*node
	parent *node
}

func parse(t *testing.T, html string) *node {
	t.Helper()
	reader := xml.NewDecoder(strings.NewReader(html))
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &node{}
	at := root
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("reading HTML: %v in\n%s", err, html)
		}
		switch token := token.(type) {
		case xml.StartElement:
			child := &node{tag: token.Name.Local, attrs: make(map[string]string), parent: at}
			for _, a := range token.Attr {
				child.attrs[a.Name.Local] = a.Value
			}
			at.kids, at.parts = append(at.kids, child), append(at.parts, "")
			at = child
		case xml.EndElement:
			at = at.parent // the decoder sees to it that the names are equal
		case xml.CharData:
			at.kids, at.parts = append(at.kids, nil), append(at.parts, string(token))
		case xml.Comment:
			t.Errorf("a comment in a page: %s", token)
		}
	}
}

// all returns the elements below n that fit, in the order of the page.
func (n *node) all(fits func(*node) bool) []*node {
	var found []*node
	for _, kid := range n.kids {
		if kid == nil {
			continue
		}
		if fits(kid) {
			found = append(found, kid)
		}
		found = append(found, kid.all(fits)...)
	}
	return found
}

// tags returns the elements of a name.
func (n *node) tags(tag string) []*node { return n.all(func(n *node) bool { return n.tag == tag }) }

// class returns the elements that have the class.
func (n *node) class(name string) []*node {
	return n.all(func(n *node) bool { return slices.Contains(strings.Fields(n.attrs["class"]), name) })
}

// id returns the element with the id, or nil.
func (n *node) id(id string) *node {
	if found := n.all(func(n *node) bool { return n.attrs["id"] == id }); len(found) > 0 {
		return found[0]
	}
	return nil
}

// text is what is read, with single spaces.
func (n *node) text() string {
	var out strings.Builder
	n.write(&out)
	return strings.Join(strings.Fields(out.String()), " ")
}

// raw is the text as it stands.
func (n *node) raw() string {
	var out strings.Builder
	n.write(&out)
	return out.String()
}

func (n *node) write(out *strings.Builder) {
	for i, kid := range n.kids {
		out.WriteString(n.parts[i])
		if kid != nil {
			kid.write(out)
		}
	}
}

// facts reads a list of terms and what they mean.
func (n *node) facts() map[string]string {
	facts := make(map[string]string)
	for _, dt := range n.tags("dt") {
		if dd := dt.parent.tags("dd"); len(dd) > 0 {
			facts[dt.text()] = dd[0].text()
		}
	}
	return facts
}

// page asks for a page and reads it.
func (f *fixture) page(path string, status int) *node {
	f.t.Helper()
	answer, body := f.get(path)
	if answer.StatusCode != status {
		f.t.Fatalf("%s: status %d, want %d: %s", path, answer.StatusCode, status, body)
	}
	return parse(f.t, body)
}

// says fails unless the text is in it.
func (n *node) says(t *testing.T, texts ...string) {
	t.Helper()
	if n == nil {
		t.Fatalf("there is nothing that could say %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(n.text(), text) {
			t.Errorf("it does not say %q:\n%s", text, n.text())
		}
	}
}
