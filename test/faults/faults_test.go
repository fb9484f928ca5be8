package faults_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jamf-ldap-proxy/test/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

func TestToxics(t *testing.T) {
	message := append([]byte{0x30, 0x05}, "hello"...)
	for _, c := range []struct {
		what  string
		toxic faults.Toxic
		want  string
		err   error // behind what is wanted; nil: the end of the stream
	}{
		{"good line", nil, "\x30\x05hello", nil},
		{"latency", faults.Latency(time.Millisecond), "\x30\x05hello", nil},
		{"slicer", faults.Slicer(1, time.Millisecond), "\x30\x05hello", nil},
		{"closed after 3", faults.LimitData(3, (*faults.Conn).Close), "\x30\x05h", nil},
		{"reset at once", faults.LimitData(0, (*faults.Conn).Reset), "", syscall.ECONNRESET},
		{"half closed", faults.LimitData(7, (*faults.Conn).HalfClose), "\x30\x05hello", nil},
		{"garbage", faults.Garbage([]byte("HTTP")), "HTTP", nil},
		{"message", faults.Messages(bytes.ToUpper), "\x30\x05HELLO", nil},
		{"no message", faults.Messages(func([]byte) []byte { return nil }), "", nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, err := faults.New(echo(t), true)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.Set(c.toxic)
			conn, err := net.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			for _, half := range [][]byte{message[:4], message[4:]} { // one message, whatever it is written in
				if _, err := conn.Write(half); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil && c.err == nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

// Whatever happens to the line later, nothing comes after what was swallowed.
func TestSwallow(t *testing.T) {
	p, err := faults.New(echo(t), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	heard := make(chan struct{}, 1)
	p.Set(func() func(*faults.Conn, []byte) error {
		swallow := faults.Swallow()()
		return func(c *faults.Conn, chunk []byte) error { heard <- struct{}{}; return swallow(c, chunk) }
	})
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "one"); err != nil {
		t.Fatal(err)
	}
	<-heard
	p.Set(nil)
	if _, err := io.WriteString(conn, "two"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 9)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %d octets, %v", n, err)
	}
}

func TestRefuseAndAccept(t *testing.T) {
	p, err := faults.New(echo(t), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	p.Refuse()
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		c.Close()
		t.Error("accepted while refusing")
	}
	if _, err := io.WriteString(before, "still here"); err != nil {
		t.Error(err)
	}
	if err := p.Accept(); err != nil {
		t.Fatal(err)
	}
	after, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	_ = before.SetReadDeadline(time.Now().Add(patience))
	var answer strings.Builder
	if _, err := io.CopyN(&answer, before, 10); err != nil || answer.String() != "still here" {
		t.Errorf("%q, %v", answer.String(), err)
	}
	p.Each((*faults.Conn).Close)
	if _, err := before.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}
