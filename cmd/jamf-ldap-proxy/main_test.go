package main

import (
	"context"
	"os"
	"os/signal"
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
// $BASE and $PASSWORD are those of its users.
func TestScripts(t *testing.T) {
	dir, err := directory.New(directory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	if err := dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("UPSTREAM", "ldap://"+dir.Addr())
			env.Setenv("BASE", directory.SampleBase)
			env.Setenv("PASSWORD", directory.SamplePassword)
			return nil
		},
	})
}
