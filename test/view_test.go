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
		up := viewInSlapd(t, v, "")
		direct := dialWire(t, up.addr)
		direct.bind(service, password)
		stored := storedUUIDs(t, direct)
		for _, replaced := range []string{"gameOfThrones", "got"} { // JumpCloud has some that are not in the view
			stored[groupDN(replaced)] = "3f0e7a52-58b1-4b9e-9d0c-6a7d0f1b2c3d"
		}
		table := slices.Concat(jamfQuestions(v), bridgedSearches(v), bridgedCompares(v), stableUUIDQuestions(v, stored))
		table = slices.DeleteFunc(table, func(q question) bool { return q.want.beyond })
		askAll(t, up.addr, table)
	})
}

// viewInSlapd loads everything but the groups from the organisation, and the
// groups from the view, with their stable UUIDs, and from more.
func viewInSlapd(t testing.TB, v view, more string) *upstream {
	t.Helper()
	var ldif strings.Builder
	for _, e := range parseLDIF(t, orgLDIF) {
		if !strings.HasPrefix(e.DN, "cn=") {
			ldif.WriteString(e.ldif())
		}
	}
	for _, e := range v.groups {
		ldif.WriteString(e.with("entryUUID", stableUUIDs[e.Attrs["cn"][0]]).ldif())
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
