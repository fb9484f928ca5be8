package lookup_test

import (
	"testing"

	"jamf-ldap-proxy/internal/lookup"
)

func TestOutcome(t *testing.T) {
	for want, records := range map[lookup.Outcome][]lookup.Record{
		lookup.Answered: {
			{Op: lookup.OpSearch, Entries: 1},
			{Op: lookup.OpBind},
			{Op: lookup.OpExtended},
			{Op: lookup.OpCompare, Result: 5},
			{Op: lookup.OpCompare, Result: 6},
			{Op: lookup.OpBind, Result: 14},
		},
		lookup.Empty: {
			{Op: lookup.OpSearch},
		},
		lookup.Failed: {
			{Op: lookup.OpSearch, Result: 4, Entries: 100}, // cut by a limit
			{Op: lookup.OpSearch, Result: 32},
			{Op: lookup.OpSearch, Result: 52},
			{Op: lookup.OpBind, Result: 49},
			{Op: lookup.OpCompare, Result: 16},
			{Op: lookup.OpModify, Result: 53},
			{Op: lookup.OpUnknown, Result: 4711},
		},
		lookup.Silent: {
			{Op: lookup.OpUnbind, Result: lookup.NoResult},
			{Op: lookup.OpSearch, Result: lookup.NoResult, Entries: 3},
		},
	} {
		for _, r := range records {
			if got := r.Outcome(); got != want {
				t.Errorf("%s with result %d and %d entries: %s, want %s", r.Op, r.Result, r.Entries, got, want)
			}
		}
	}
}
