package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/secret"
)

// PasswordVariable may hold the password of upstream.service_account in place
// of a file. It is not the variable of a key: there is no key for a password.
const PasswordVariable = EnvPrefix + "UPSTREAM_SERVICE_ACCOUNT_PASSWORD"

const passwordFileKey = "upstream.service_account.password_file"

// passwordFromVariable keeps the value out of everything that is printed: no
// path of the configuration stands for it.
func (l *loader) passwordFromVariable(value string) {
	password, err := passwordOf([]byte(value))
	if err != nil {
		l.add(&Problem{File: "environment variable " + PasswordVariable, Message: err.Error(), Try: "put the password into it and nothing else"})
		return
	}
	l.cfg.Upstream.ServiceAccount.Password = password
}

func (l *loader) validateServiceAccount() {
	const path = "upstream.service_account.dn"
	account := &l.cfg.Upstream.ServiceAccount
	try := "write uid=NAME," + l.exampleBase() + ", NAME being a JumpCloud user with \"Enable as LDAP Bind DN\" set"
	if account.DN != "" && !isDN(account.DN) {
		l.mistake(path, account.DN, "is not a DN", try)
	}
	fromVariable := !account.Password.Empty()
	if account.PasswordFile != "" {
		if fromVariable {
			l.mistake(passwordFileKey, "", "is given together with the variable "+PasswordVariable, "keep one of the two")
			return
		}
		l.readPasswordFile(account.PasswordFile)
	}
	if account.DN == "" && (fromVariable || account.PasswordFile != "") {
		l.missing(path, "the password is for nobody without it: "+try)
	}
}

// exampleBase is upstream.base for advice, or an example while it is not known.
func (l *loader) exampleBase() string {
	if base := l.cfg.Upstream.Base; isDN(base) {
		return base
	}
	return "ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com"
}

// readPasswordFile loads the password of the service account.
func (l *loader) readPasswordFile(written string) {
	account := &l.cfg.Upstream.ServiceAccount
	account.PasswordFile = l.absolute(passwordFileKey, written)
	password, err := ReadPassword(account.PasswordFile)
	if err == nil {
		account.Password = password
		l.warnOfOpenFile(account.PasswordFile)
		return
	}
	shown, try := account.PasswordFile, "name a file that holds the password, one line and nothing else"
	switch {
	case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(written):
		// This may be the password itself, in the wrong place.
		shown = ""
		l.src.hide(l.at[passwordFileKey].line, l.at[passwordFileKey].column)
		try = "write the name of a file that holds the password, not the password; a relative name starts at " +
			l.absolute(passwordFileKey, ".")
	case errors.Is(err, fs.ErrPermission):
		try = "let the user that runs the proxy read it, and nobody else"
	}
	l.mistake(passwordFileKey, shown, passwordFault(err), try)
}

// warnOfOpenFile speaks up about a file that every user of this machine may
// read. It is no mistake: in a container nobody else is there.
func (l *loader) warnOfOpenFile(file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
		l.warn("%s: every user of this machine may read %s; try: chmod o-r %s", passwordFileKey, file, file)
	}
}

// maxPasswordLength is more than any directory takes.
const maxPasswordLength = 1024

var (
	errNoPassword   = errors.New("is empty")
	errManyLines    = errors.New("holds more than one line")
	errNotUTF8      = errors.New("is not plain text in UTF-8")
	errLongPassword = fmt.Errorf("holds more than %d bytes, which is no password", maxPasswordLength)
)

// ReadPassword reads a file that holds a password and nothing else; one final
// newline does not count. Errors do not name the file, and never quote it.
func ReadPassword(file string) (secret.Password, error) {
	data, err := readLimited(file)
	if err != nil {
		return secret.Password{}, err
	}
	defer clear(data)
	return passwordOf(data)
}

// passwordFault words an error of ReadPassword behind the name of the file.
func passwordFault(err error) string {
	for _, own := range []error{errNoPassword, errManyLines, errNotUTF8, errLongPassword} {
		if errors.Is(err, own) {
			return err.Error()
		}
	}
	return readFault(err)
}

// PasswordError names the file in an error of ReadPassword.
func PasswordError(file string, err error) error {
	return fmt.Errorf("%s %s", file, passwordFault(err))
}

// passwordOf takes the byte order mark and the newline that editors add off a
// password. What cannot be one is refused here, because the directory would
// only say that it is wrong, and count it.
func passwordOf(data []byte) (secret.Password, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	switch {
	case len(data) == 0:
		return secret.Password{}, errNoPassword
	case !utf8.Valid(data), bytes.IndexByte(data, 0) >= 0:
		return secret.Password{}, errNotUTF8
	case bytes.ContainsAny(data, "\r\n"):
		return secret.Password{}, errManyLines
	case len(data) > maxPasswordLength:
		return secret.Password{}, errLongPassword
	}
	return secret.New(data), nil
}
