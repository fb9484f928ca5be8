package lookup_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/lookup"
)

func TestClip(t *testing.T) {
	tests := []struct {
		name, in string
		max      int
		want     string
	}{
		{"short text stays", "(cn=game)", 64, "(cn=game)"},
		{"exactly fitting text stays", "abcdef", 6, "abcdef"},
		{"a cut is marked and the mark counts", "abcdefg", 6, "abc…"},
		{"letters of any script stay", "(sn=Snö 雪)", 64, "(sn=Snö 雪)"},
		{"no rune is split", "aaaöööö", 8, "aaaö…"},
		{"line breaks are written out", "a\r\nb\tc", 64, `a\x0d\x0ab\x09c`},
		{"terminal escapes are written out", "\x1b[31m", 64, `\x1b[31m`},
		{"C1 controls and line separators too", "a\u0085\u2028b", 64, `a\xc2\x85\xe2\x80\xa8b`},
		{"text that runs backwards too", "a\u202eb", 64, `a\xe2\x80\xaeb`},
		{"bytes that are not UTF-8 too", "a\xff\xc3b", 64, `a\xff\xc3b`},
		{"U+FFFD itself is text", "a\ufffd", 64, "a\ufffd"},
		{"an escape is not split either", "aa\x00\x00", 8, `aa…`},
		{"backslashes of the text stay", `(cn=a\2ab)`, 64, `(cn=a\2ab)`},
		{"too small for the mark", "abc", 2, ""},
		{"no room at all", "ö", -1, ""},
		{"empty", "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lookup.Clip(tt.in, tt.max); got != tt.want {
				t.Errorf("Clip(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
			}
		})
	}
}

func TestClipIsBoundedForHugeText(t *testing.T) {
	for _, unit := range []string{"a", "ö", "\x00", "\xff", "雪"} {
		huge := strings.Repeat(unit, 1<<20)
		got := lookup.Clip(huge, 2048)
		if len(got) > 2048 || len(got) < 2040 {
			t.Errorf("a megabyte of %q became %d bytes, want just below 2048", unit, len(got))
		}
		if allocated := testing.AllocsPerRun(10, func() { lookup.Clip(huge, 2048) }); allocated > 4 {
			t.Errorf("a megabyte of %q cost %v allocations", unit, allocated)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("(cn=snö\x00\xff\u2028)", 12)
	f.Add("plain", 3)
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := lookup.Clip(s, max)
		if len(got) > max && got != "" {
			t.Errorf("Clip(%q, %d) has %d bytes", s, max, len(got))
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\u0085\u2028\u2029") {
			t.Errorf("Clip(%q, %d) = %q is not one printable line", s, max, got)
		}
		if again := lookup.Clip(got, max); again != got {
			t.Errorf("clipping %q again gives %q", got, again)
		}
	})
}
