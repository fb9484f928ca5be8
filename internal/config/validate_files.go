package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"strings"

	"jamf-ldap-proxy/proxy"
)

// Files are read while loading, so that a missing one is found by `config
// check` and not by the first client.

// absolute resolves a file name: relative to the configuration file's folder,
// or, when a variable named it, to the working directory.
func (l *loader) absolute(path, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	dir := l.dir
	if l.at.fromEnv(path) {
		dir = "."
	}
	abs, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil { // only without a working directory
		return name
	}
	return abs
}

// readPEM reads the file that the key at path names.
func (l *loader) readPEM(path, file string) ([]byte, bool) {
	data, err := readLimited(file)
	if err == nil {
		return data, true
	}
	try := "check the name; a relative one starts at the folder of the configuration file"
	switch {
	case pemKey.MatchString(file) || strings.Contains(file, "-----BEGIN"):
		l.mistake(path, "", "holds a certificate or key itself", "save it in a file and name the file here")
		return nil, false
	case strings.Contains(file, "/~"):
		try = "write the whole path: ~ is not replaced here"
	case strings.Contains(readFault(err), "permission"):
		try = "let the user that runs the proxy read it"
	}
	l.mistake(path, file, readFault(err), try)
	return nil, false
}

func (l *loader) checkKeyPair(certificatePath, keyPath string, files proxy.ServerTLS) {
	certificate, certOK := l.readPEM(certificatePath, files.Certificate)
	key, keyOK := l.readPEM(keyPath, files.Key)
	if certOK && !hasCertificate(certificate) {
		l.mistake(certificatePath, files.Certificate, "holds no PEM certificate that can be read",
			"name a file that has -----BEGIN CERTIFICATE-----; a .p12 or .der file has to be converted to PEM")
		certOK = false
	}
	if keyOK && !hasPrivateKey(key) {
		l.mistake(keyPath, files.Key, "holds no PEM private key",
			"name a file that has -----BEGIN PRIVATE KEY-----, without a passphrase")
		keyOK = false
	}
	if !certOK || !keyOK {
		return
	}
	// The error is not shown: it could only repeat these two possibilities.
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		l.mistake(keyPath, files.Key, "does not belong to the certificate, or cannot be read",
			"name the private key that the certificate was made from, without a passphrase")
	}
}

// checkCA checks a file of trusted roots. empty is what the key means without one.
func (l *loader) checkCA(path, file, empty string) {
	data, ok := l.readPEM(path, file)
	if ok && !hasCertificate(data) {
		l.mistake(path, file, "holds no PEM certificate that can be read",
			"name a file that has -----BEGIN CERTIFICATE-----, or leave it empty to "+empty)
	}
}

func hasCertificate(data []byte) bool {
	return hasBlock(data, func(b *pem.Block) bool {
		if b.Type != "CERTIFICATE" {
			return false
		}
		_, err := x509.ParseCertificate(b.Bytes)
		return err == nil
	})
}

func hasPrivateKey(data []byte) bool {
	return hasBlock(data, func(b *pem.Block) bool { return strings.HasSuffix(b.Type, "PRIVATE KEY") })
}

func hasBlock(data []byte, wanted func(*pem.Block) bool) bool {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return false
		}
		if wanted(block) {
			return true
		}
		data = rest
	}
}
