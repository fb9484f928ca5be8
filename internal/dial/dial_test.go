package dial_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/ldap"
)

const patience = 20 * time.Second // what must not happen takes longer than this

// certificate makes one for the names, which is its own root, and its PEM file.
func certificate(t *testing.T, names ...string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// sample is a directory with StartTLS and LDAPS.
func sample(t *testing.T) (dir *directory.Directory, root string) {
	t.Helper()
	cert, root := certificate(t, "dc1.example.com")
	over := &tls.Config{Certificates: []tls.Certificate{cert}}
	dir, err := directory.New(directory.Config{TLS: over})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	if err := errors.Join(dir.Listen("127.0.0.1:0"), dir.ListenTLS("127.0.0.1:0", over)); err != nil {
		t.Fatal(err)
	}
	return dir, root
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

// connect dials, and returns the first answer to a request for the rootDSE.
func connect(t *testing.T, o dial.Options) (conn net.Conn, err error) {
	t.Helper()
	s, err := dial.New(o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	conn, err = s.Dial(ctx(t))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	body := ldap.AppendSearchRequest(nil, &ldap.SearchRequest{Filter: ldap.Present("objectClass")})
	if _, err := conn.Write(ldap.AppendOperation(nil, 1, ldap.OpSearchRequest, body, nil)); err != nil {
		t.Fatal(err)
	}
	frame, err := ldap.NewFramer(conn).Next(1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ldap.ParseMessage(frame); err != nil || m.ID != 1 {
		t.Fatalf("answer %+v, %v", m, err)
	}
	return conn, nil
}

func TestDial(t *testing.T) {
	dir, root := sample(t)
	plain, secure := "ldap://"+dir.Addr(), "ldaps://"+dir.TLSAddr()
	for _, c := range []struct {
		o     dial.Options
		isTLS bool
	}{
		{dial.Options{URL: plain}, false},
		{dial.Options{URL: plain, StartTLS: true, CA: root}, true},
		{dial.Options{URL: secure, CA: root}, true},
		{dial.Options{URL: secure, CA: root, ServerName: "dc1.example.com", MinVersion: "1.3"}, true},
		{dial.Options{URL: plain, AllowPlaintext: true}, false},
	} {
		conn, err := connect(t, c.o)
		if err != nil {
			t.Errorf("%+v: %v", c.o, err)
			continue
		}
		if _, isTLS := conn.(*tls.Conn); isTLS != c.isTLS {
			t.Errorf("%+v: TLS %v", c.o, isTLS)
		}
	}
}

func TestDialDoesNotTrust(t *testing.T) {
	dir, root := sample(t)
	_, other := certificate(t, "dc1.example.com")
	secure := "ldaps://" + dir.TLSAddr()
	for _, c := range []struct {
		o    dial.Options
		want string
	}{
		{dial.Options{URL: secure}, "name the PEM file of its root"},
		{dial.Options{URL: secure, CA: other}, "name the PEM file of its root"},
		{dial.Options{URL: secure, CA: root, ServerName: "dc2.example.com"}, "connect by a name that is in the certificate"},
		{dial.Options{URL: "ldap://" + dir.Addr(), StartTLS: true, CA: other}, "name the PEM file of its root"},
		{dial.Options{URL: "ldaps://" + dir.Addr(), CA: root}, "shaking hands over TLS"},
		{dial.Options{URL: "ldap://127.0.0.1:1"}, "refused"},
	} {
		if _, err := connect(t, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    dial.Options
		want string
	}{
		{dial.Options{URL: "dc1.example.com"}, "no URL of a server"},
		{dial.Options{URL: "http://dc1.example.com"}, "neither ldap nor ldaps"},
		{dial.Options{URL: "ldap://dc1.example.com"}, "passwords over the network in plain text"},
		{dial.Options{URL: "ldaps://user:hunter2@dc1.example.com"}, "a user has no place"},
		{dial.Options{URL: "ldaps://dc1.example.com", CA: "nosuch.pem"}, "reading trusted roots"},
		{dial.Options{URL: "ldaps://dc1.example.com", CA: empty}, "holds no PEM certificate"},
	} {
		_, err := dial.New(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

// answering is a server that answers the first request with those bytes.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1024)); err != nil {
			return
		}
		if answer != nil {
			_, _ = conn.Write(answer)
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "ldap://" + l.Addr().String()
}

func TestStartTLSThatIsNone(t *testing.T) {
	result := func(code ldap.ResultCode) []byte {
		return ldap.AppendResult(nil, 1, ldap.OpExtendedResponse, &ldap.Result{Code: code, Diagnostic: "no"}, nil)
	}
	for _, c := range []struct {
		answer []byte
		want   string
	}{
		{result(ldap.ProtocolError), "the server refuses: protocolError (2) no"},
		{append(result(ldap.Success), "more"...), "sends data between its answer and the handshake"},
		{ldap.AppendResult(nil, 7, ldap.OpBindResponse, &ldap.Result{}, nil), "answers something else"},
		{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "starting TLS"},
	} {
		s, err := dial.New(dial.Options{URL: answering(t, c.answer), StartTLS: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Dial(ctx(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.answer, err, c.want)
		}
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	for _, o := range []dial.Options{
		{URL: answering(t, nil), StartTLS: true},
		{URL: strings.Replace(answering(t, nil), "ldap:", "ldaps:", 1)},
	} {
		s, err := dial.New(o)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if _, err := s.Dial(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", o, err)
		}
		cancel()
	}
}

func TestLimit(t *testing.T) {
	ours, theirs := net.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = theirs.Write(make([]byte, 3<<20))
	}()
	t.Cleanup(func() { _ = theirs.Close(); <-written })
	defer ours.Close()
	c := dial.Limit(ours, 1<<20)
	for range 2 {
		if n, err := io.Copy(io.Discard, c); n != 1<<20 || err == nil || !strings.Contains(err.Error(), "more than 1 MiB") {
			t.Fatalf("%d bytes, %v", n, err)
		}
		c.Allow()
	}
}
