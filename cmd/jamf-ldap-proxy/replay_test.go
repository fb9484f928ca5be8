package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/replay"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"20/s": 50 * time.Millisecond, "20": 50 * time.Millisecond, "30/m": 2 * time.Second, "1/s": time.Second,
		"0/s": 0, "-1/s": 0, "x/s": 0, "20/h": 0, "": 0, "/s": 0, "10001/s": 0,
	} {
		got, err := parseRate(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// A question with many differences takes a few lines.
func TestReplayPrinterIsShort(t *testing.T) {
	var out strings.Builder
	server, err := serverAt("--a", "ldap://127.0.0.1:389", "")
	if err != nil {
		t.Fatal(err)
	}
	p := newReplayPrinter(output{Writer: &out}, output{Writer: io.Discard}, false, server, server)
	c := &replay.Case{Question: &replay.Question{Op: "search", Filter: "(cn=a)"}}
	values := strings.Split(strings.Repeat("x\x1b[31m,", 50), ",")
	for range 50 {
		c.Differences = append(c.Differences, replay.Difference{DN: "cn=a\n", Attr: "member", A: values, B: []string{}})
	}
	p.add(c)
	if err := p.end(&replay.Report{Asked: 1, Different: 1}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := strings.Count(text, "\n"); n > 20 || strings.Contains(text, "\x1b") {
		t.Errorf("%d lines:\n%q", n, text)
	}
	for _, want := range []string{"; and 48 more", "and 40 differences more", "1 question, 0 the same, 1 different"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}
