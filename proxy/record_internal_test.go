package proxy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClip(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("a", recordedText), strings.Repeat("ä", recordedText), strings.Repeat("\x80", 2*recordedText)} {
		got := clip(s)
		if len(got) > recordedText+len("…") || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("clip of %d octets has %d", len(s), len(got))
		}
	}
}

var kept string // makes the compiler believe that it is used

func TestOwnSharesOnlySmallRequests(t *testing.T) {
	large := strings.Repeat("x", sharedRequest+1)
	if n := testing.AllocsPerRun(10, func() { kept = own(large[:10], large[:100]) }); n != 0 {
		t.Errorf("%v allocations for a small request", n)
	}
	if n := testing.AllocsPerRun(10, func() { kept = own(large[:10], large) }); n == 0 {
		t.Error("a large request would be kept alive")
	}
	if n := len(ownAll(make([]string, 1000), large)); n != recordedNames {
		t.Errorf("%d names kept", n)
	}
}
