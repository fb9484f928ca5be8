package test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The expected answers of the tables are checked themselves: an OpenLDAP that
// holds the view as its data, instead of JumpCloud's two kinds of groups, has
// to give them without any proxy. Tolerances and requests that are not bridged
// are beyond the view and left out.
func TestExpectedAnswersOnTheView(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, v view) {
		table := slices.Concat(jamfQuestions(v), bridgedSearches(v), bridgedCompares(v))
		table = slices.DeleteFunc(table, func(q question) bool { return q.want.beyond })
		askAll(t, viewInSlapd(t, v, "").addr, table)
	})
}

// viewInSlapd loads everything but the groups from the organisation, and the
// groups from the view and from more.
func viewInSlapd(t testing.TB, v view, more string) *upstream {
	t.Helper()
	var ldif strings.Builder
	for _, e := range parseLDIF(t, orgLDIF) {
		if !strings.HasPrefix(e.DN, "cn=") {
			ldif.WriteString(e.ldif())
		}
	}
	for _, e := range v.groups {
		ldif.WriteString(e.ldif())
	}
	return slapdHolding(t, ldif.String()+more)
}

// ldif writes the entry back, every value in base64.
func (e entry) ldif() string {
	var b strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&b, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	line("dn", e.DN)
	for name, values := range e.Attrs {
		for _, v := range values {
			line(name, v)
		}
	}
	return b.String() + "\n"
}
