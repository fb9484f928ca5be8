package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/doctor"
)

func init() {
	elsewhere["doctor --server"] = " --server $JAMF_LDAP_PROXY_UPSTREAM_SERVERS"
}

// TestSpinner shows what goes on where somebody looks at a terminal, leaves
// nothing behind, and is silent elsewhere.
func TestSpinner(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		s := newSpinner(output{&out, terminal})
		for _, what := range []string{"Bind", "Users"} {
			s.start(what)
			time.Sleep(spinnerTurn)
		}
		s.stop()
		s.stop() // must not panic
		switch text := out.String(); {
		case !terminal && text != "":
			t.Errorf("%q where nobody looks", text)
		case terminal && (!strings.Contains(text, "Bind") || !strings.Contains(text, "Users") || !strings.HasSuffix(text, "\r\x1b[K")):
			t.Errorf("%q", text)
		}
	}
}

func TestDoctorInColour(t *testing.T) {
	show := func() string {
		var out bytes.Buffer
		p := newDoctorPrinter(output{&out, true})
		for _, status := range []doctor.Status{doctor.OK, doctor.Warn, doctor.Fail, doctor.Skip} {
			p.finding(&doctor.Finding{Part: "directory", Title: "Users", Status: status, Saw: "9 users"})
		}
		return out.String()
	}
	t.Setenv("NO_COLOR", "")
	if text := show(); !strings.Contains(text, "\x1b[31mfail\x1b[0m  Users") || strings.Count(text, "Directory") != 1 {
		t.Errorf("%q", text)
	}
	t.Setenv("NO_COLOR", "1")
	if text := show(); strings.Contains(text, "\x1b") || !strings.Contains(text, "  fail  Users      ") {
		t.Errorf("%q", text)
	}
}

// TestDoctorInterrupted says so, and does not wait for what it has begun.
func TestDoctorInterrupted(t *testing.T) {
	dir, err := directory.New(directory.Config{Latency: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	if err := dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Setenv(passwordVariable, directory.SamplePassword)
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	go func() {
		_, _ = out.Read(make([]byte, 1)) // the first finding
		cancel()
		_, _ = io.Copy(io.Discard, out)
	}()
	var stderr strings.Builder
	args := []string{"doctor", "--server", "ldap://" + dir.Addr(), "--dn", demoBindDN}
	if code := run(ctx, args, in, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "interrupted before all checks were made") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	_ = in.Close()
}

// TestCommandsThatDoctorNames exist: the advice is there to be pasted.
func TestCommandsThatDoctorNames(t *testing.T) {
	files, err := filepath.Glob("../../internal/doctor/*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range regexp.MustCompile(`jamf-ldap-proxy (cert )?[a-z]+`).FindAllString(string(text), -1) {
			named[command] = true
		}
	}
	for command := range named {
		if found, _, err := newRootCommand().Find(strings.Fields(command)[1:]); err != nil || found.CommandPath() != command {
			t.Errorf("there is no %s", command)
		}
	}
	if len(named) < 4 {
		t.Errorf("only %v are named", named)
	}
}
