package simulate

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// filter finds the entries of the place that match the assertion.
func (p *Place) filter(assertions ...string) string {
	terms := strings.Join(assertions, "")
	classes := p.classes()
	if classes == "" && len(assertions) == 1 {
		return terms
	}
	return "(&" + classes + terms + ")"
}

// classes is the part that limits a search to object classes; "" is all.
func (p *Place) classes() string {
	var terms []string
	for _, class := range p.ObjectClasses {
		terms = append(terms, equal("objectClass", class))
	}
	switch {
	case len(terms) < 2:
		return strings.Join(terms, "")
	case p.AnyOrAll == Any:
		return "(|" + strings.Join(terms, "") + ")"
	}
	return "(&" + strings.Join(terms, "") + ")"
}

func (p *Place) scope() int {
	if p.SearchScope == FirstLevelOnly {
		return goldap.ScopeSingleLevel
	}
	return goldap.ScopeWholeSubtree
}

func equal(attribute, value string) string {
	return "(" + attribute + "=" + goldap.EscapeFilter(value) + ")"
}

// named asks for a name, or for a part of it. An empty part gives (uid=**), as
// the empty search box does in Jamf.
func named(attribute, name string, part bool) string {
	if part {
		return "(" + attribute + "=*" + goldap.EscapeFilter(name) + "*)"
	}
	return equal(attribute, name)
}

// isCompared tells whether Java makes a compare of the assertion: only if its
// text has no other character that means something in a filter. A DN has.
func isCompared(value string) bool {
	return !strings.ContainsAny(goldap.EscapeFilter(value), "()&|!=~><*")
}
