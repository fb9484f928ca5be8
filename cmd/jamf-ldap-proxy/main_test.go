package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"jamf-ldap-proxy/internal/directory"
)

// TestMain lets the scripts run this very program as jamf-ldap-proxy.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"jamf-ldap-proxy": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the scripts. $UPSTREAM is the URL of a sample directory, and
// $BASE and $PASSWORD are those of its users; $JOURNAL is a file with a few lookups.
// $PROXY and $PROXY_TLS are the addresses of a proxy before that directory, and
// $CERTIFICATE and $KEY its files.
func TestScripts(t *testing.T) {
	dir := sampleDirectory(t)
	svc := startBefore(t, dir)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PROXY", svc.state().listeners[0].Addr().String())
			env.Setenv("PROXY_TLS", svc.state().listeners[1].Addr().String())
			env.Setenv("CERTIFICATE", svc.state().cfg.Listeners[1].TLS.Certificate)
			env.Setenv("KEY", svc.state().cfg.Listeners[1].TLS.Key)
			env.Setenv("UPSTREAM", "ldap://"+dir.Addr())
			env.Setenv("BASE", directory.SampleBase)
			env.Setenv("PASSWORD", directory.SamplePassword)
			env.Setenv("JOURNAL", filepath.Join(env.WorkDir, "lookups.db"))
			return writeJournal(filepath.Join(env.WorkDir, "lookups.db"))
		},
	})
}

// TestMistypedWords end as wrong use, and the error says what was perhaps meant.
func TestMistypedWords(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"explan"}, "Error: jamf-ldap-proxy has no command \"explan\"\nTry: jamf-ldap-proxy explain\n"},
		{[]string{"zzz"}, "Error: jamf-ldap-proxy has no command \"zzz\"\nTry: jamf-ldap-proxy --help\n"},
		{[]string{"serve", "proxy.yaml"}, "Error: jamf-ldap-proxy serve takes flags only, not \"proxy.yaml\"\nTry: jamf-ldap-proxy serve --help\n"},
	} {
		var stderr strings.Builder
		if code := run(t.Context(), tc.args, io.Discard, &stderr); code != exitUsage || stderr.String() != tc.want {
			t.Errorf("%q ends with %d, want %d\n%swant\n%s", tc.args, code, exitUsage, stderr.String(), tc.want)
		}
	}
}
