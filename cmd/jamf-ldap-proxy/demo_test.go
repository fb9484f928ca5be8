package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// TestDemoNamesTheFlagOfATakenPort: all taken ports at once.
func TestDemoNamesTheFlagOfATakenPort(t *testing.T) {
	var taken []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken = append(taken, l.Addr().String())
	}
	var stderr strings.Builder
	code := run(context.Background(), []string{"demo", "--once", "--ldap", taken[0], "--ldaps", "127.0.0.1:0", "--web", taken[1]}, io.Discard, &stderr)
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, want := range []string{taken[0] + " is in use", "--ldap 127.0.0.1:PORT", taken[1] + " is in use", "--web 127.0.0.1:PORT"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, stderr.String())
		}
	}
}
