package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// site is where a run takes place: a folder, certificates, the directory, and
// every process started so far.
type site struct {
	ctx      context.Context
	dir      string
	binary   string // of jamf-ldap-proxy
	users    int
	groups   int
	maxConns int
	loads    []workload

	peerPattern, loadPattern *regexp.Regexp // what to measure

	certs     *certificates
	directory *process
	running   []*process
	started   map[string]*process
	notes     []string // what could not be measured, and why
}

func newSite(ctx context.Context, o *options) (_ *site, err error) {
	s := &site{
		ctx: ctx, users: o.users, groups: o.groups, maxConns: o.idle + 1000,
		loads: workloads(o.users, o.groups), started: map[string]*process{},
		peerPattern: regexp.MustCompile(o.peers), loadPattern: regexp.MustCompile(o.loads),
	}
	limit, err := raiseFileLimit(uint64(2*o.idle + 4000))
	if err != nil {
		return nil, fmt.Errorf("raising the number of open files: %w", err)
	}
	if most := (int(limit) - 1000) / 2; o.idle > most {
		s.note("only %d idle connections: the system allows %d open files", most, limit)
		o.idle = most
	}
	if s.dir, err = os.MkdirTemp("", "jamf-ldap-proxy-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.certs, err = makeCertificates(s.dir); err != nil {
		return nil, err
	}
	progress("building the proxy; generating %d users and %d groups; starting the directory", o.users, o.groups)
	s.binary = filepath.Join(s.dir, "jamf-ldap-proxy")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.binary, "./cmd/jamf-ldap-proxy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the proxy (run from the top of the repository): %w: %s", err, out)
	}
	s.directory, err = s.startDirectory()
	return s, err
}

func (s *site) close() {
	for i := len(s.running) - 1; i >= 0; i-- {
		s.running[i].stop()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *site) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if slices.Contains(s.notes, text) {
		return
	}
	progress("note: %s", text)
	s.notes = append(s.notes, text)
}

// write puts a file into the folder and returns its path.
func (s *site) write(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// process is a program of this run, with two listeners.
type process struct {
	plain, secure string // addresses
	cmd           *exec.Cmd
	log           *os.File
	ended         chan struct{} // closed when it has
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) target() target { return target{address: p.plain} }

func (p *process) secureTarget(c *certificates) target {
	return target{address: p.secure, tls: c.client}
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.log.Close()
}

// forgetLog empties the log between measurements, which write a line per
// lookup: a run must not fill the disk.
func (s *site) forgetLogs() {
	for _, p := range s.running {
		_ = p.log.Truncate(0)
	}
}

// start runs a program on two free ports and waits until it accepts at both.
// Its output, every lookup's log line among it, goes to a file, as it would in
// production. The kernel ends it when this program is killed.
func (s *site) start(program string, args func(plain, secure string) ([]string, error)) (*process, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	list, err := args(ports[0], ports[1])
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log-"+ports[0]), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{plain: "127.0.0.1:" + ports[0], secure: "127.0.0.1:" + ports[1], log: log, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(s.ctx, program, list...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	s.running = append(s.running, p)
	return p, errors.Join(p.await(p.plain), p.await(p.secure))
}

var errEnded = errors.New("the program has ended")

func (p *process) await(address string) error {
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			err = errEnded
		case <-time.After(20 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		text, _ := os.ReadFile(p.log.Name())
		return fmt.Errorf("waiting for %s: %w\n%s", filepath.Base(p.cmd.Path), err, text)
	}
}

func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all are taken, so that they differ
		_, port, _ := strings.Cut(l.Addr().String(), ":")
		ports = append(ports, port)
	}
	return ports, nil
}

// once starts a peer the first time it is needed.
func (s *site) once(name string, start func() (*process, error)) (*process, error) {
	if p := s.started[name]; p != nil {
		return p, nil
	}
	p, err := start()
	if err == nil {
		s.started[name] = p
	}
	return p, err
}

// upstream is the way from a peer to the directory.
type upstream struct {
	address string
	secure  bool
}

func (s *site) plainUpstream() upstream  { return upstream{s.directory.plain, false} }
func (s *site) secureUpstream() upstream { return upstream{s.directory.secure, true} }

func (u upstream) url() string {
	if u.secure {
		return "ldaps://" + u.address
	}
	return "ldap://" + u.address
}
