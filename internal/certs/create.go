package certs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of a folder of certificates.
const (
	AuthorityFile    = "ca.pem"
	AuthorityKeyFile = "ca.key"
	ServerFile       = "proxy.pem" // with its chain
	ServerKeyFile    = "proxy.key"
	backupSuffix     = ".bak"
)

// Request says which certificate to make.
type Request struct {
	Dir   string   // an existing folder
	Names []string // host names and addresses; none: with Force, those of the certificate before
	Valid time.Duration
	RSA   bool
	Force bool // renew: replace what is there, and keep it beside under another name
	Now   time.Time
}

// Made is what Create has made.
type Made struct {
	Dir          string // absolute
	Authority    *x509.Certificate
	NewAuthority bool
	Server       *x509.Certificate
	Renewed      bool     // the files before have .bak behind their names now
	Warnings     []string // whole sentences
}

// Path returns where a file of the folder is.
func (m *Made) Path(name string) string { return filepath.Join(m.Dir, name) }

// Create makes a server certificate with its key, and an authority when the
// folder has none. An authority that is there signs again, so that whoever
// trusts it trusts the new certificate. Nothing is overwritten unless
// r.Force, and the authority never. Mistakes are of type *Error.
func Create(r Request) (*Made, error) {
	dir, err := checkFolder(r.Dir)
	if err != nil {
		return nil, err
	}
	made := &Made{Dir: dir}
	before, err := made.before(r.Force)
	if err != nil {
		return nil, err
	}
	hosts, err := r.hosts(before)
	if err != nil {
		return nil, err
	}
	signer, signerKey, err := made.authority(r)
	if err != nil {
		return nil, err
	}
	cert, key, err := signer.issue(hosts, r.Valid, r.Now)
	if err != nil {
		return nil, err
	}
	if err := signer.check(cert, r.Now); err != nil {
		return nil, &Error{err, "use an authority that may sign these names, or another --dir, where a new one is made"}
	}
	made.Authority, made.Server = signer.cert, cert
	made.warn(before, r)
	return made, made.write(signer, signerKey, key)
}

// checkFolder returns the folder's absolute path.
func checkFolder(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{fmt.Errorf("folder %s does not exist", dir), "mkdir -p " + dir}
	case err != nil:
		return "", &Error{fmt.Errorf("looking for folder %s: %w", dir, err), "choose another --dir"}
	case !info.IsDir():
		return "", &Error{fmt.Errorf("%s is not a folder", dir), "choose another --dir"}
	}
	return abs, nil
}

// before returns the server certificate that is to be replaced, nil when there
// is none, and refuses to replace one that nobody has asked to.
func (m *Made) before(force bool) (*x509.Certificate, error) {
	for _, name := range []string{ServerFile, ServerKeyFile} {
		_, err := os.Lstat(m.Path(name))
		if err == nil && !force {
			return nil, &Error{
				fmt.Errorf("%s exists", m.Path(name)),
				"--force to renew it with the same authority (the old one is kept as " + name + backupSuffix + "), or another --dir",
			}
		}
		m.Renewed = m.Renewed || err == nil
	}
	text, err := os.ReadFile(m.Path(ServerFile))
	if err != nil {
		return nil, nil // there is none, or writing will tell
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil
	}
	cert, _ := x509.ParseCertificate(block.Bytes)
	return cert, nil
}

// hosts returns the names that the certificate is for.
func (r *Request) hosts(before *x509.Certificate) (hostNames, error) {
	switch {
	case len(r.Names) > 0:
		return parseNames(r.Names)
	case before != nil && len(before.DNSNames)+len(before.IPAddresses) > 0:
		return hostNames{before.DNSNames, before.IPAddresses}, nil
	}
	return hostNames{}, &Error{
		errors.New("it is not known which host the certificate is for"),
		"--host proxy.example.com, the name that Jamf will connect to; more names and addresses with commas between",
	}
}

// authority loads the folder's authority, or makes one and its key.
func (m *Made) authority(r Request) (a *authority, key []byte, err error) {
	certFile, keyFile := m.Path(AuthorityFile), m.Path(AuthorityKeyFile)
	cert, certErr := os.ReadFile(certFile)
	key, keyErr := os.ReadFile(keyFile)
	noCert, noKey := errors.Is(certErr, fs.ErrNotExist), errors.Is(keyErr, fs.ErrNotExist)
	const afresh = "; for a new authority, move " + AuthorityFile + " and " + AuthorityKeyFile + " away, and upload the new " + AuthorityFile + " in Jamf"
	switch {
	case noCert && noKey:
		m.NewAuthority = true
		return newAuthority(r.RSA, r.Now)
	case noKey:
		return nil, nil, &Error{fmt.Errorf("%s is there without its key %s", certFile, AuthorityKeyFile), "put the key back for as long as this takes" + afresh}
	case noCert:
		return nil, nil, &Error{fmt.Errorf("%s is there without its certificate %s", keyFile, AuthorityFile), "put the certificate back" + afresh}
	case certErr != nil || keyErr != nil:
		return nil, nil, &Error{fmt.Errorf("reading the authority: %w", errors.Join(certErr, keyErr)), "run this as a user that may read both files"}
	}
	if a, err = parseAuthority(cert, key, r.Now); err != nil {
		return nil, nil, &Error{fmt.Errorf("using %s with %s: %w", certFile, AuthorityKeyFile, err), "put the right files there" + afresh}
	}
	if r.RSA && !a.isRSA() {
		return nil, nil, &Error{fmt.Errorf("%s has no RSA key, so a client that needs RSA could not verify it", certFile), "another --dir, where a new one is made"}
	}
	return a, nil, nil
}

// warn says what may surprise later.
func (m *Made) warn(before *x509.Certificate, r Request) {
	if ends := m.Authority.NotAfter; ends.Before(r.Now.Add(r.Valid)) {
		m.Warnings = append(m.Warnings, fmt.Sprintf("The authority ends on %s, and the certificate with it. "+
			"Make a new authority in another folder before that, and upload its %s in Jamf.", ends.Format(time.DateOnly), AuthorityFile))
	}
	if before == nil {
		return
	}
	var gone []string
	for _, name := range names(before) {
		if !slices.Contains(names(m.Server), name) {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		m.Warnings = append(m.Warnings, "The certificate before was for "+strings.Join(gone, ", ")+", too; this one is not.")
	}
}

// write puts the files there: all of them, or none.
func (m *Made) write(a *authority, authorityKey, serverKey []byte) (err error) {
	const public, private = 0o644, 0o600
	var created []string
	defer func() {
		if err != nil {
			for _, path := range created {
				_ = os.Remove(path)
			}
		}
	}()
	create := func(name string, data []byte, mode fs.FileMode) error {
		err := Save(m.Path(name), data, mode, false)
		if err == nil {
			created = append(created, m.Path(name))
		}
		return err
	}
	if m.NewAuthority {
		if err := create(AuthorityKeyFile, authorityKey, private); err != nil {
			return err
		}
		if err := create(AuthorityFile, a.pem, public); err != nil {
			return err
		}
	}
	if m.Renewed {
		return renew(m.Dir, file{ServerKeyFile, serverKey, private}, file{ServerFile, a.chain(m.Server), public})
	}
	if err := create(ServerKeyFile, serverKey, private); err != nil {
		return err
	}
	return create(ServerFile, a.chain(m.Server), public)
}
