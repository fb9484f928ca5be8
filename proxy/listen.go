package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// ListenOptions is what Serve has to know of a listener besides its socket.
type ListenOptions struct {
	Name     string         // for the log
	TLS      *tls.Config    // nil: StartTLS is not offered
	Implicit bool           // ldaps: the handshake comes first
	Allow    []netip.Prefix // client addresses accepted; empty: all

	certificate *keyPair // nil when the caller made TLS
}

// CertificateExpiry returns the end of the certificate's validity as it is
// presented now, and the zero time when there is none.
func (o *ListenOptions) CertificateExpiry() time.Time { return o.certificate.expiry() }

func (o *ListenOptions) allows(addr netip.Addr) bool {
	if len(o.Allow) == 0 {
		return true
	}
	for _, p := range o.Allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Listen opens the socket that cfg describes and loads its certificate.
func Listen(cfg ListenerConfig) (net.Listener, ListenOptions, error) {
	o := ListenOptions{Name: cfg.Address, Allow: cfg.Allow, Implicit: cfg.Protocol == "ldaps"}
	switch {
	case cfg.TLS.Certificate != "" || cfg.TLS.Key != "":
		pair, err := newKeyPair(cfg.TLS)
		if err != nil {
			return nil, o, fmt.Errorf("loading certificate of listener %s: %w", cfg.Address, err)
		}
		o.certificate = pair
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	case o.Implicit:
		return nil, o, fmt.Errorf("listener %s: protocol ldaps needs tls.certificate and tls.key", cfg.Address)
	}
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, o, fmt.Errorf("opening listener %s: %w", cfg.Address, err)
	}
	o.Name = l.Addr().String()
	return l, o, nil
}

const certificateCheck = time.Second

// keyPair is a certificate that follows its files: a renewal needs no reload.
// A pair that cannot be loaded, for instance because only one of the two files
// is written yet, leaves the old one in use and is tried again.
type keyPair struct {
	files ServerTLS

	mu      sync.Mutex
	log     *zap.Logger
	current *tls.Certificate
	checked time.Time
	stamps  [2]time.Time // modification times of what was tried last
}

func newKeyPair(files ServerTLS) (*keyPair, error) {
	k := &keyPair{files: files, log: zap.NewNop(), checked: time.Now()}
	var err error
	if k.stamps, err = k.modified(); err != nil {
		return nil, err
	}
	if k.current, err = k.load(); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *keyPair) logTo(log *zap.Logger) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = log
}

// get is tls.Config.GetCertificate. It looks at the files at most once a
// second, however many handshakes there are.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.checked) >= certificateCheck {
		k.checked = now
		k.reload()
	}
	return k.current, nil
}

func (k *keyPair) reload() {
	stamps, err := k.modified()
	if err == nil && stamps == k.stamps {
		return
	}
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = k.load()
	}
	if err != nil {
		if stamps != k.stamps { // said once per change, not once per second
			k.log.Error("keeping the old listener certificate: the new one cannot be used", zap.Error(err))
		}
		k.stamps = stamps
		return
	}
	k.stamps, k.current = stamps, fresh
	k.log.Info("listener certificate was reloaded",
		zap.String("file", k.files.Certificate), zap.Time("not_after", fresh.Leaf.NotAfter))
}

func (k *keyPair) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(k.files.Certificate, k.files.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", k.files.Certificate, k.files.Key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	return &pair, nil
}

func (k *keyPair) modified() (stamps [2]time.Time, err error) {
	for i, file := range []string{k.files.Certificate, k.files.Key} {
		info, err := os.Stat(file)
		if err != nil {
			return stamps, err
		}
		stamps[i] = info.ModTime()
	}
	return stamps, nil
}

func (k *keyPair) expiry() time.Time {
	if k == nil {
		return time.Time{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current.Leaf.NotAfter
}
