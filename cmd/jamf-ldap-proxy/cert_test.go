package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// TestCertExitCodes: wrong use is 2, a server that is not there is 1.
func TestCertExitCodes(t *testing.T) {
	for _, tc := range []struct {
		code int
		args []string
		want string
	}{
		{exitFailed, []string{"cert", "fetch", "127.0.0.1:1"}, "\nTry: check the port"},
		{exitUsage, []string{"cert", "fetch", "http://a"}, "\nTry: ldap.jumpcloud.com"},
		{exitUsage, []string{"cert", "create"}, "\nTry: --host"},
		{exitUsage, []string{"cert", "create", "--host", "a.test", "--dir", "/nowhere/at/all"}, "\nTry: mkdir -p /nowhere/at/all"},
	} {
		var stderr strings.Builder
		if code := run(t.Context(), tc.args, io.Discard, &stderr); code != tc.code || strings.Count(stderr.String(), tc.want) != 1 {
			t.Errorf("%q ends with %d, want %d\n%s", tc.args, code, tc.code, stderr.String())
		}
	}
}

// fetched runs cert fetch as on a terminal or in a pipe.
func fetched(t *testing.T, o certFetchOptions, terminal bool, args ...string) (stdout, stderr string) {
	t.Helper()
	o.timeout = 20 * time.Second
	var out, notes bytes.Buffer
	if err := certFetch(t.Context(), o, args, output{&out, terminal}, output{&notes, terminal}); err != nil {
		t.Fatal(err)
	}
	return out.String(), notes.String()
}

// TestCertFetchOnTerminal: described and coloured there, PEM in a pipe and when
// it is asked for, and a file wherever it runs.
func TestCertFetchOnTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	svc := startSample(t)
	ldaps, plain := svc.state().listeners[1].Addr().String(), "ldap://"+svc.state().listeners[0].Addr().String()
	certificate := svc.state().cfg.Listeners[1].TLS.Certificate
	want, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(filepath.Dir(certificate), certs.AuthorityFile)

	out, notes := fetched(t, certFetchOptions{ca: ca}, true, ldaps)
	for _, s := range []string{"sends 2 certificates over TLS 1.3", "names  \x1b[0m  localhost, 127.0.0.1, ::1\n", "0 days left", "\x1b[32mTrusted\x1b[0m by the roots in " + ca, "Fetching trusts nobody"} {
		if !strings.Contains(out, s) {
			t.Errorf("lacks %q:\n%s", s, out)
		}
	}
	if strings.Contains(out, "-----BEGIN") || notes != "" {
		t.Errorf("PEM on a terminal, or %q", notes)
	}
	t.Setenv("NO_COLOR", "1")
	if out, _ := fetched(t, certFetchOptions{ca: ca}, true, ldaps); strings.Contains(out, "\x1b") {
		t.Error("coloured in spite of NO_COLOR")
	}
	for _, terminal := range []bool{false, true} {
		out, notes := fetched(t, certFetchOptions{ca: ca, pem: terminal}, terminal, plain)
		if got := onlyPEM(t, out); got != string(want) {
			t.Errorf("fetched\n%s\nwant\n%s", got, want)
		}
		if !strings.HasPrefix(notes, "Trusted by the roots in "+ca+", as 127.0.0.1\n") || !strings.Contains(notes, "Fetching trusts nobody") {
			t.Errorf("said %q", notes)
		}
	}
	file := filepath.Join(t.TempDir(), "chain.pem")
	for _, force := range []bool{false, true} {
		out, notes := fetched(t, certFetchOptions{out: file, force: force, serverName: "other.test"}, false, ldaps)
		if !strings.Contains(out, "Not trusted by the roots that this machine trusts, as other.test:\n  name mismatch: ") || notes != "Written to "+file+".\n" {
			t.Errorf("%s\n%s", out, notes)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || onlyPEM(t, string(text)) != string(want) {
		t.Errorf("%v\n%s", err, text)
	}
}

// onlyPEM leaves out comments, of which every other line has to be one.
func onlyPEM(t *testing.T, text string) string {
	t.Helper()
	var blocks bytes.Buffer
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if err := pem.Encode(&blocks, b); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, "# ") && !strings.Contains(blocks.String(), line) {
			t.Errorf("neither PEM nor a comment: %q", line)
		}
	}
	return blocks.String()
}

// TestCertCommandsInDocument: every command of docs/certificates.md is one that
// the program takes.
func TestCertCommandsInDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^(?:\$ | *)jamf-ldap-proxy ([^>|\n]*)`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 7 {
		t.Fatalf("%d commands found", len(commands))
	}
	for _, c := range commands {
		cmd, args, err := newRootCommand().Find(strings.Fields(c[1]))
		if err != nil || !cmd.Runnable() || cmd.HasSubCommands() {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		if err := cmd.ParseFlags(args); err != nil {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}

// TestCertFetchInterrupted: Ctrl-C ends the wait for a server.
func TestCertFetchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	if code := run(ctx, []string{"cert", "fetch", "127.0.0.1:1"}, io.Discard, &stderr); code != exitFailed || stderr.String() != "Error: interrupted\n" {
		t.Errorf("%d %q", code, stderr.String())
	}
}
