package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// attackSeeds is where the fuzz functions of the codec begin, beside the corpus there.
const attackSeeds = "../internal/ldap/testdata/attacks.txt"

// TestAttacksAreSeeds: every bad packet of a size that a fuzzer can work with is in
// the file. Run it with -update when the table has changed.
func TestAttacksAreSeeds(t *testing.T) {
	const largest = 4 << 10
	var lines []string
	for _, bad := range badPackets() {
		if len(bad.raw) > 0 && len(bad.raw) <= largest {
			lines = append(lines, fmt.Sprintf("%x %s\n", bad.raw, bad.what))
		}
	}
	slices.Sort(lines) // the table has no order of its own
	want := strings.Join(lines, "")
	if *update {
		if err := os.WriteFile(attackSeeds, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(attackSeeds)
	if err != nil || string(got) != want {
		t.Errorf("%s (error %v) is not the table of bad packets: go test ./test -run TestAttacksAreSeeds -update", attackSeeds, err)
	}
}
