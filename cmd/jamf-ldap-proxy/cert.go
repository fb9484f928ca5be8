package main

import (
	"errors"

	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/certs"
)

func newCertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "Show the certificates of a server, or make those of a listener",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCertFetchCommand(), newCertCreateCommand())
	return cmd
}

// certUsage turns what certs says about a mistake into wrong use.
func certUsage(err error) error {
	var mistake *certs.Error
	if errors.As(err, &mistake) {
		return &usageError{err, mistake.Try}
	}
	return err
}

// certFailure adds what to do to what went wrong while running.
func certFailure(err error) error {
	var trouble *certs.Error
	if errors.As(err, &trouble) && trouble.Try != "" {
		return &failure{err, trouble.Try}
	}
	return err
}

// failure is an error that comes with advice, and is nobody's wrong use.
type failure struct {
	err error
	try string
}

func (f *failure) Error() string { return f.err.Error() + "\nTry: " + f.try }
func (f *failure) Unwrap() error { return f.err }
