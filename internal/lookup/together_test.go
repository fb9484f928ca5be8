package lookup_test

import (
	"slices"
	"testing"

	"jamf-ldap-proxy/internal/lookup"
)

func TestTogetherHandsEachRecordToAllInOrder(t *testing.T) {
	var got []string
	sink := func(name string) lookup.Sink {
		return funcSink(func(r *lookup.Record) { got = append(got, name+r.Op) })
	}
	all := lookup.Together("page", sink("a "), sink("b "))
	all.Write(&lookup.Record{Op: "bind"})
	all.Write(&lookup.Record{Op: "search"})
	if want := []string{"a bind", "b bind", "a search", "b search"}; all.Name() != "page" || !slices.Equal(got, want) {
		t.Errorf("sink %s wrote %q, want %q", all.Name(), got, want)
	}
}
