package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
)

// FuzzParse: whatever the bytes are, Parse returns, and what it reports can be
// printed and is bounded.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	_ = fs.WalkDir(configs.Files, ".", func(path string, _ fs.DirEntry, _ error) error {
		if data, err := configs.Files.ReadFile(path); err == nil {
			f.Add(data)
		}
		return nil
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		// The fuzzer itself has no time limit for one input.
		slow := time.AfterFunc(30*time.Second, func() { panic("still parsing after 30 s") })
		defer slow.Stop()
		cfg, err := config.Parse("fuzz.yaml", data)
		if err == nil {
			if cfg.Upstream.Base == "" || len(cfg.Upstream.Servers) == 0 || len(cfg.Listeners) == 0 {
				t.Fatalf("accepted without what is required: %+v", cfg)
			}
			return
		}
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) == 0 || len(problems) > 101 {
			t.Fatalf("odd error %#v", err)
		}
		for _, p := range problems {
			if p.Message == "" || p.Try == "" || len(p.Error()) > 8192 {
				t.Fatalf("odd problem %#v", p)
			}
		}
	})
}

// TestHostileFiles: large files that are expensive for a YAML parser.
func TestHostileFiles(t *testing.T) {
	const size = 1 << 17
	fill := func(head, pattern string) string {
		return (head + strings.Repeat(pattern, size/len(pattern)+1))[:size]
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 9) + "]\n"
	}
	for name, text := range map[string]string{
		"alias bomb": bomb, "brackets": fill("a: ", "["), "braces": fill("", "{a: "), "dashes": fill("", "- "),
		"dash lines": fill("", "-\n"), "keys": fill("", "a: b\n"), "empty keys": fill("", "a:\n"), "indent": fill("", "a:\n "),
		"anchors": fill("a: ", "&a "), "quotes": fill("a: ", `"" `), "flow map": fill("a: {", "a: b,"), "comments": fill("", "#\n"),
		"documents": fill("", "---\n"), "merge": fill("", "<<: a\n"), "question": fill("", "? "), "newlines": fill("", "\n"),
		"long line": fill("a: ", "x"), "servers": fill("upstream:\n  servers: [", "x,"), "unknown": fill("", "a: b\nb: c\n"),
		// Just below our own bound on tokens, so that the parser does see them.
		"some dash lines": "groups:\n  pairs:\n" + strings.Repeat("  -\n", 98_000),
		"some pairs":      "groups:\n  pairs:\n" + strings.Repeat("  - legacy: a\n    posix:\n    gid: 1\n", 11_000),
		"some flow keys":  "limits: {" + strings.Repeat("a: b,", 24_000) + "}",
		"some flow lists": "a: [" + strings.Repeat("[],", 33_000) + "]",
		"some empty keys": "groups:\n  pairs:\n" + strings.Repeat("  - a:\n    b:\n", 19_000),
		"flow lists":      fill("upstream:\n  servers: [[],", "[],"), "empty values": fill("groups:\n  pairs:\n", "  - legacy:\n"),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := config.Parse("p.yaml", []byte(text)); err == nil {
				t.Error("accepted")
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			} else {
				t.Log(took)
			}
		})
	}
}
