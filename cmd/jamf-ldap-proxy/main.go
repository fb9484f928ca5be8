// Command jamf-ldap-proxy stands between an on-prem Jamf Pro server and
// JumpCloud's LDAP, answers group queries in the vocabulary that Jamf is mapped
// to, and shows every lookup.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"jamf-ldap-proxy/internal/discovery"
)

// Exit codes: 0 done, 1 failed while running, 2 wrong use or configuration.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a mistake in how the program was called or configured; try
// says what to do about it.
type usageError struct {
	err error
	try string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// run is main without the process: everything it needs is an argument.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "Error: %v\n", err)
	code, try := exitFailed, ""
	var (
		usage *usageError
		read  *discovery.Error
	)
	switch {
	case errors.As(err, &usage):
		code, try = exitUsage, usage.try
	case errors.As(err, &read):
		try = read.Try
	}
	if try != "" {
		fmt.Fprintf(stderr, "Try: %s\n", try)
	}
	return code
}
