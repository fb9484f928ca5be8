package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/test/faults"
)

const (
	users  = 300
	groups = 40
	// patience is more than the proxy may take for one answer: ten times
	// upstream.search_timeout, twice, and the wait for a connection.
	patience = 60 * time.Second
)

// site is where a soak takes place: the directory, the two lines to it, and
// the proxy.
type site struct {
	dir              string
	directory        *directory.Directory
	lines            [2]*faults.Proxy // the first plain, of whole messages; the second with TLS
	weather          *weather
	plain, tls, page string // addresses of the proxy
	roots            *tls.Config
	proxy            *exec.Cmd
	log              *os.File
	ended            chan struct{} // closed when the proxy has
}

func newSite(ctx context.Context, o *options) (_ *site, err error) {
	s := &site{ended: make(chan struct{}), weather: newWeather()}
	if s.dir, err = os.MkdirTemp("", "jamf-ldap-proxy-soak-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if o.binary == "" {
		if o.binary, err = build(ctx, s.dir, o.race); err != nil {
			return nil, err
		}
	}
	if err := s.makeCertificates(ctx, o.binary); err != nil {
		return nil, err
	}
	if err := s.startDirectory(); err != nil {
		return nil, err
	}
	return s, s.startProxy(ctx, o.binary)
}

func build(ctx context.Context, dir string, race bool) (string, error) {
	binary := filepath.Join(dir, "jamf-ldap-proxy")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "jamf-ldap-proxy/cmd/jamf-ldap-proxy")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the proxy: %w: %s", err, out)
	}
	return binary, nil
}

// makeCertificates has the program do it: one pair, for the proxy's listeners
// and for the directory.
func (s *site) makeCertificates(ctx context.Context, binary string) error {
	make := exec.CommandContext(ctx, binary, "cert", "create", "--host", "localhost", "--ip", "127.0.0.1", "--dir", s.dir)
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("making certificates: %w: %s", err, out)
	}
	roots, err := loadRoots(filepath.Join(s.dir, "ca.pem"))
	s.roots = roots
	return err
}

func (s *site) startDirectory() error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "proxy.pem"), filepath.Join(s.dir, "proxy.key"))
	if err != nil {
		return err
	}
	var org bytes.Buffer
	directory.Generate(&org, users, groups, 60)
	if s.directory, err = directory.New(directory.Config{LDIF: &org}); err != nil {
		return err
	}
	err = errors.Join(s.directory.Listen("127.0.0.1:0"),
		s.directory.ListenTLS("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	if err != nil {
		return err
	}
	if s.lines[0], err = faults.New(s.directory.Addr(), true); err != nil {
		return err
	}
	s.lines[1], err = faults.New(s.directory.TLSAddr(), false)
	return err
}

const configuration = `
listeners:
  - {address: %[1]q, tls: {certificate: proxy.pem, key: proxy.key}}
  - {address: %[2]q, protocol: ldaps, tls: {certificate: proxy.pem, key: proxy.key}}
upstream:
  servers: ["ldap://%[4]s", "ldaps://%[5]s"]
  policy: round-robin
  base: %[6]q
  tls: {ca: ca.pem}
  connect_timeout: 1s
  bind_timeout: 2s
  search_timeout: 2s
  idle_timeout: 5s
  lifetime: 30s
web: {address: %[3]q}
journal: {path: lookups.db, max_bytes: 64MiB}
log: {format: json, level: warn}
limits: {write_stall: 5s, tls_handshake: 30s, partial_pdu: 10s, drain: 10s}
groups:
  pairs:
`

func (s *site) startProxy(ctx context.Context, binary string) error {
	addresses, err := freeAddresses(3)
	if err != nil {
		return err
	}
	s.plain, s.tls, s.page = addresses[0], addresses[1], "http://"+addresses[2]
	var conf strings.Builder
	fmt.Fprintf(&conf, configuration, s.plain, s.tls, addresses[2], s.lines[0].Addr(), s.lines[1].Addr(), directory.SampleBase)
	for i := range groups {
		fmt.Fprintf(&conf, "  - {legacy: %q, posix: lx%04d, gid: %d}\n", groupName(i), i+1, 7001+i)
	}
	file := filepath.Join(s.dir, "proxy.yaml")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		return err
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	s.proxy = exec.Command(binary, "serve", "--config", file)
	s.proxy.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "JAMF_LDAP_PROXY_") })
	s.proxy.Stdout, s.proxy.Stderr = s.log, s.log
	s.proxy.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not left behind when this program is killed
	if err := s.proxy.Start(); err != nil {
		s.proxy = nil
		return err
	}
	go func() { _ = s.proxy.Wait(); close(s.ended) }()
	return s.awaitReady(ctx)
}

// freeAddresses returns loopback addresses that nobody listens on.
func freeAddresses(n int) (list []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all are taken, so that they differ
		list = append(list, l.Addr().String())
	}
	return list, nil
}

func (s *site) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := get(ctx, s.page+"/readyz"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the proxy is not ready: %w\n%s", ctx.Err(), s.complaints())
		case <-s.ended:
			return fmt.Errorf("the proxy ended at once\n%s", s.complaints())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// get reads a page; every use of it is a connection of its own, so that none is
// counted twice.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return body, err
}

// stop ends the proxy as an administrator does and tells how it ended.
func (s *site) stop() string {
	select {
	case <-s.ended:
		return "before it was told to: " + s.proxy.ProcessState.String()
	default:
	}
	began := time.Now()
	_ = s.proxy.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		if s.proxy.ProcessState.Success() {
			return fmt.Sprintf("exit status 0 after %v", time.Since(began).Round(10*time.Millisecond))
		}
		return s.proxy.ProcessState.String()
	case <-time.After(patience):
		_ = s.proxy.Process.Kill()
		<-s.ended
		return fmt.Sprintf("killed, %v after SIGTERM", patience)
	}
}

// complaints are what the log must not have, and the end of it when the proxy
// did not start.
func (s *site) complaints() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "{") || strings.Contains(line, "panic") || strings.Contains(line, directory.SamplePassword) {
			found = append(found, line)
		}
	}
	return strings.Join(found[:min(len(found), 50)], "")
}

func (s *site) close() {
	if s.proxy != nil {
		_ = s.proxy.Process.Kill()
		<-s.ended
		_ = s.log.Close()
	}
	for _, l := range s.lines {
		if l != nil {
			l.Close()
		}
	}
	if s.directory != nil {
		_ = s.directory.Close()
	}
	_ = os.RemoveAll(s.dir)
}

func loadRoots(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}, nil
}
