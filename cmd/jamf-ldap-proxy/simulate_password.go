package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
)

const userPasswordVariable = config.CommandUserPasswordVariable

// userPassword is that of the user who logs in. All shapes go without it, and pass
// the login over.
func (o *simulateOptions) userPassword(ctx context.Context, in io.Reader, prompt output) (secret.Password, error) {
	if o.question != simulate.QuestionLogin && !o.all {
		return secret.Password{}, nil
	}
	if o.userPasswordFile != "" {
		password, err := config.ReadPassword(o.userPasswordFile)
		if err != nil {
			return password, &usageError{
				fmt.Errorf("--user-password-file: %w", config.PasswordError(o.userPasswordFile, err)),
				"name a file that holds the password, one line and nothing else",
			}
		}
		return password, nil
	}
	if value := os.Getenv(userPasswordVariable); value != "" || o.all {
		return secret.New([]byte(value)), nil
	}
	terminal, ok := in.(*os.File)
	if !ok || !isTerminal(in) || !prompt.terminal {
		return secret.Password{}, &usageError{
			errors.New("there is no password of the user who logs in, and no terminal to ask for it"),
			"--user-password-file FILE, or the variable " + userPasswordVariable,
		}
	}
	return askPassword(ctx, terminal, prompt, o.names[0])
}
