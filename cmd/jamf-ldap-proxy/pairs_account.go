package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

// passwordVariable holds the password of --dn. There is no flag for it: other
// users of the machine can read command lines.
const passwordVariable = config.CommandPasswordVariable

// accountOptions are the flags that say who asks the directory.
type accountOptions struct{ dn, passwordFile string }

func (o *accountOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.dn, "dn", "", "ask the directory as this user")
	f.StringVar(&o.passwordFile, "password-file", "", "file with the password of --dn")
}

// readAs is who asks the directory.
type readAs struct {
	dn       string
	password secret.Password
	knob     string // where it was given, for messages
}

// account finds out who asks the directory, and asks for the password when that
// is the last way to get it.
func (o *accountOptions) account(ctx context.Context, cfg config.Config, in io.Reader, prompt output) (readAs, error) {
	configured := cfg.Upstream.ServiceAccount
	as := readAs{dn: configured.DN, password: configured.Password, knob: "upstream.service_account"}
	if o.dn != "" {
		as = readAs{dn: o.dn, knob: "--dn"}
	}
	switch dn, err := ldap.ParseDN(as.dn); {
	case as.dn == "":
		return as, &usageError{
			errors.New("it is not known as whom to ask the directory: upstream.service_account is empty"),
			"set it in the configuration, or add --dn uid=NAME," + cfg.Upstream.Base,
		}
	case err != nil || len(dn) == 0:
		return as, &usageError{fmt.Errorf("--dn %q is not a DN", as.dn), "--dn uid=NAME," + cfg.Upstream.Base}
	case o.passwordFile != "" && o.dn == "":
		return as, &usageError{
			errors.New("--password-file holds the password of --dn, which is not given"),
			"add --dn, or name the file in upstream.service_account.password_file",
		}
	case !as.password.Empty():
		return as, nil
	}
	var err error
	as.password, err = o.password(ctx, as, in, prompt)
	return as, err
}

func (o *accountOptions) password(ctx context.Context, as readAs, in io.Reader, prompt output) (secret.Password, error) {
	if o.passwordFile != "" {
		password, err := config.ReadPassword(o.passwordFile)
		if err != nil {
			return password, &usageError{
				fmt.Errorf("--password-file: %w", config.PasswordError(o.passwordFile, err)),
				"name a file that holds the password, one line and nothing else",
			}
		}
		return password, nil
	}
	if value := os.Getenv(passwordVariable); value != "" {
		return secret.New([]byte(value)), nil
	}
	terminal, ok := in.(*os.File)
	if !ok || !isTerminal(in) || !prompt.terminal {
		return secret.Password{}, &usageError{
			fmt.Errorf("there is no password for %s, and no terminal to ask for it", as.dn),
			"--password-file FILE with --dn, the variable " + passwordVariable + ", or upstream.service_account.password_file",
		}
	}
	return askPassword(ctx, terminal, prompt, as.dn)
}

// askPassword reads a password without showing it.
func askPassword(ctx context.Context, terminal *os.File, prompt io.Writer, dn string) (secret.Password, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return secret.Password{}, fmt.Errorf("asking for the password: %w", err)
	}
	fmt.Fprintf(prompt, "Password of %s: ", dn)
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	// Nothing can interrupt this read, and after Ctrl-C nobody waits for it:
	// the program ends.
	go func() {
		text, err := term.ReadPassword(fd)
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		fmt.Fprintln(prompt)
		return secret.Password{}, errors.New("interrupted")
	case a := <-answers:
		defer clear(a.text)
		fmt.Fprintln(prompt)
		switch {
		case a.err != nil:
			return secret.Password{}, fmt.Errorf("asking for the password: %w", a.err)
		case len(a.text) == 0:
			return secret.Password{}, &usageError{err: errors.New("the password is empty")}
		}
		return secret.New(a.text), nil
	}
}
