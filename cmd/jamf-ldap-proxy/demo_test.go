package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
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

// TestDemoLetsOthersAskItsDirectory: the proxies of deploy/compose and deploy/kubernetes do.
func TestDemoLetsOthersAskItsDirectory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"demo", "--directory", address, "--ldap", "127.0.0.1:0", "--ldaps", "127.0.0.1:0", "--web", "127.0.0.1:0"}, in, in)
		in.Close()
	}()
	text := ""
	for buf := make([]byte, 4096); !strings.Contains(text, "Ctrl-C ends the demo"); {
		n, err := out.Read(buf)
		if text += string(buf[:n]); err != nil {
			t.Fatalf("the demo ended:\n%s", text)
		}
	}
	go io.Copy(io.Discard, out)
	conn, err := goldap.DialURL("ldap://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(demoBindDN, directory.SamplePassword); err != nil {
		t.Errorf("the sample directory at %s: %v", address, err)
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
