package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"jamf-ldap-proxy/internal/config"
)

// manPages writes the pages and returns them by name.
func manPages(t *testing.T) (dir string, pages map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "man")
	var stderr strings.Builder
	if code := run(t.Context(), []string{"man", "--dir", dir}, io.Discard, &stderr); code != exitOK {
		t.Fatalf("man ends with %d: %s", code, stderr.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	pages = map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = string(text)
	}
	return dir, pages
}

// TestManPagesTellAll: each command, flag and key has its place.
func TestManPagesTellAll(t *testing.T) {
	_, pages := manPages(t)
	for _, cmd := range allCommands() {
		page := pages[pageName(cmd)+".1"]
		if !isDocumented(cmd) {
			if page != "" {
				t.Errorf("%s has a page", cmd.CommandPath())
			}
			continue
		}
		for _, heading := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH SEE ALSO\n"} {
			if !strings.Contains(page, heading) {
				t.Errorf("the page of %s has no %q", cmd.CommandPath(), heading)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(page, escapeRoff("--"+f.Name)) {
				t.Errorf("the page of %s does not name --%s", cmd.CommandPath(), f.Name)
			}
		})
	}
	for path := range config.NewSchema().Keys() {
		if !strings.Contains(pages[configPage+".5"], ".B "+escapeRoff(path)+"\n") {
			t.Errorf("the page of the configuration does not name %s", path)
		}
	}
}

// TestManPagesAreWellFormed: every line is an instruction that we mean, or text,
// and what is begun ends.
func TestManPagesAreWellFormed(t *testing.T) {
	dir, pages := manPages(t)
	known := map[string]bool{".TH": true, ".SH": true, ".PP": true, ".TP": true, ".B": true, ".nh": true, ".ad": true,
		".RS": true, ".RE": true, ".nf": true, ".fi": true}
	for name, page := range pages {
		kept := 0
		for line := range strings.SplitSeq(strings.TrimSuffix(page, "\n"), "\n") {
			word, _, _ := strings.Cut(line, " ")
			switch {
			case word == ".nf":
				kept++
			case word == ".fi":
				kept--
			case strings.HasPrefix(line, "'"), strings.HasPrefix(line, ".") && !known[word], strings.ContainsAny(line, "\t\x1b"), line == "" && kept == 0:
				t.Errorf("%s: line %q", name, line)
			}
			if kept < 0 || kept > 1 {
				t.Errorf("%s: .nf and .fi do not match at %q", name, line)
			}
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		return // the above is what can be seen without it
	}
	for name := range pages {
		var complaints strings.Builder
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-rLL=100n", filepath.Join(dir, name))
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v %s", name, err, complaints.String())
		}
	}
}

// TestManPagesAreReproducible, whatever the time and the place.
func TestManPagesAreReproducible(t *testing.T) {
	_, first := manPages(t)
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	_, second := manPages(t)
	if len(first) < 10 {
		t.Errorf("only %d pages", len(first))
	}
	for name, page := range first {
		if second[name] != page {
			t.Errorf("%s differs", name)
		}
		if title, _, _ := strings.Cut(page, "\n"); !strings.Contains(title, ` "" "jamf-ldap-proxy `) {
			t.Errorf("%s has a date: %s", name, title)
		}
	}
}

func TestEscapeRoff(t *testing.T) {
	for text, want := range map[string]string{
		".profile":  `\&.profile`,
		"'quoted'":  `\(aqquoted\(aq`,
		`a\b -- c`:  `a\eb \-\- c`,
		"(cn=**)":   "(cn=**)",
		"~/x^y `z`": `\(ti/x\(hay \(gaz\(ga`,
	} {
		if got := escapeRoff(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
