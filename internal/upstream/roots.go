package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"go.uber.org/zap"
)

// roots are the certificates that upstream.tls.ca holds now: the file is looked
// at before each TLS handshake, so that a new CA needs no reload. What cannot be
// used leaves the old ones in force. Connections that are open stay open,
// upstream.lifetime at most.
type roots struct {
	file string
	log  *zap.Logger

	mu      sync.Mutex
	seen    fs.FileInfo // of what is in force; nil: try again
	trouble string      // of the last try, said once
	current *x509.CertPool
}

// newRoots returns nil for the system's roots.
func newRoots(file string) (*roots, error) {
	if file == "" {
		return nil, nil
	}
	r := &roots{file: file, log: zap.NewNop()}
	info, err := os.Stat(file)
	if err == nil {
		r.current, err = readRoots(file)
	}
	if err != nil {
		return nil, fmt.Errorf("upstream.tls.ca: %w", err)
	}
	r.seen = info
	return r, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

func (r *roots) get() *x509.CertPool {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.file)
	if err == nil && r.seen != nil && sameFile(info, r.seen) {
		return r.current
	}
	var fresh *x509.CertPool
	if err == nil {
		fresh, err = readRoots(r.file)
	}
	if err != nil {
		r.seen = nil
		if r.trouble != err.Error() {
			r.trouble = err.Error()
			r.log.Error("keeping the old certificates of upstream.tls.ca: the new ones cannot be used", zap.Error(err))
		}
		return r.current
	}
	r.seen, r.trouble, r.current = info, "", fresh
	r.log.Info("upstream.tls.ca was reloaded", zap.String("file", r.file))
	return r.current
}

func sameFile(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}

// clientTLS returns the TLS side of a new connection. A session of before is
// resumed only if these roots vouch for it, crypto/tls sees to that.
func (s *server) clientTLS() *tls.Config {
	if s.roots == nil {
		return s.tls
	}
	c := s.tls.Clone()
	c.RootCAs = s.roots.get()
	return c
}
