package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/directory"
)

//go:embed testdata/jumpcloud.schema
var schema embed.FS

const (
	directName  = "direct"
	haproxyName = "HAProxy TCP"
	backName    = "slapd back-ldap"
	oursName    = "jamf-ldap-proxy"
)

// peer is one way to the directory.
type peer struct {
	name, address string
	pid           int
	translating   bool
}

type peers struct {
	list    []peer
	running []*exec.Cmd
}

// startPeers starts the directory and everything that goes before it, each on
// a free port of the loopback interface.
func startPeers(ctx context.Context, dir string, users, groups int) (*peers, error) {
	p := &peers{}
	for _, start := range []func(context.Context, string, int, int) error{p.startDirectory, p.startHAProxy, p.startBackLDAP, p.startOurs} {
		if err := start(ctx, dir, users, groups); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

func (p *peers) upstream() string { return p.list[0].address }

const schemas = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include %s
modulepath /usr/lib/ldap
pidfile %s
`

func (p *peers) startDirectory(ctx context.Context, dir string, users, groups int) error {
	text, err := schema.ReadFile("testdata/jumpcloud.schema")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "jumpcloud.schema"), text, 0o600); err != nil {
		return err
	}
	var ldif bytes.Buffer
	directory.Generate(&ldif, users, groups, 500)
	if err := os.WriteFile(filepath.Join(dir, "org.ldif"), ldif.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		return err
	}
	conf := fmt.Sprintf(schemas, filepath.Join(dir, "jumpcloud.schema"), filepath.Join(dir, "directory.pid")) + `moduleload back_mdb
sizelimit unlimited
loglevel 0
database mdb
maxsize 1073741824
suffix "dc=jumpcloud,dc=com"
directory ` + filepath.Join(dir, "db") + `
index objectClass,uid,cn,member,memberUid,gidNumber eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
`
	file := filepath.Join(dir, "directory.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "slapadd", "-q", "-f", file, "-l", filepath.Join(dir, "org.ldif")).CombinedOutput(); err != nil {
		return fmt.Errorf("loading the directory: %w: %s", err, out)
	}
	return p.start(ctx, directName, false, "slapd", func(port string) []string {
		return []string{"-d", "0", "-f", file, "-h", "ldap://127.0.0.1:" + port}
	})
}

func (p *peers) startHAProxy(ctx context.Context, dir string, _, _ int) error {
	return p.start(ctx, haproxyName, false, "haproxy", func(port string) []string {
		conf := fmt.Sprintf("global\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5m\n  timeout server 5m\nlisten ldap\n  bind 127.0.0.1:%s\n  server up %s\n", port, p.upstream())
		file := filepath.Join(dir, "haproxy.cfg")
		_ = os.WriteFile(file, []byte(conf), 0o600)
		return []string{"-db", "-f", file}
	})
}

func (p *peers) startBackLDAP(ctx context.Context, dir string, _, _ int) error {
	return p.start(ctx, backName, false, "slapd", func(port string) []string {
		conf := fmt.Sprintf(schemas, filepath.Join(dir, "jumpcloud.schema"), filepath.Join(dir, "back.pid")) +
			"moduleload back_ldap\nsizelimit unlimited\nloglevel 0\ndatabase ldap\nsuffix \"dc=jumpcloud,dc=com\"\nuri \"ldap://" + p.upstream() + "\"\nrebind-as-user yes\nchase-referrals no\nreadonly on\n"
		file := filepath.Join(dir, "back.conf")
		_ = os.WriteFile(file, []byte(conf), 0o600)
		return []string{"-d", "0", "-f", file, "-h", "ldap://127.0.0.1:" + port}
	})
}

func (p *peers) startOurs(ctx context.Context, dir string, _, groups int) error {
	binary := filepath.Join(dir, "jamf-ldap-proxy")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/jamf-ldap-proxy")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the proxy (run from the top of the repository): %w: %s", err, out)
	}
	return p.start(ctx, oursName, true, binary, func(port string) []string {
		var conf strings.Builder
		fmt.Fprintf(&conf, "listeners: [{address: 127.0.0.1:%s}]\nupstream:\n  servers: [\"ldap://%s\"]\n  base: %s\nweb: {address: \"off\"}\nlog: {format: json}\ngroups:\n  pairs:\n", port, p.upstream(), directory.SampleBase)
		for i := range groups {
			fmt.Fprintf(&conf, "  - {legacy: \"Team %04d (Site %d)\", posix: lx%04d, gid: %d}\n", i+1, i%7, i+1, 7001+i)
		}
		file := filepath.Join(dir, "proxy.yaml")
		_ = os.WriteFile(file, []byte(conf.String()), 0o600)
		return []string{"serve", "--config", file}
	})
}

// start runs a program on a free port and waits until it accepts. Its output,
// every lookup's log line among it, goes to a file, as it would in production.
func (p *peers) start(ctx context.Context, name string, translating bool, program string, args func(port string) []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.CommandContext(ctx, program, args(port)...)
	log, err := os.CreateTemp("", "jamf-ldap-proxy-bench-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name()) // the open file lives on
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	p.running = append(p.running, cmd)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("waiting for %s: %w\n%s", program, err, text)
		}
	}
	p.list = append(p.list, peer{name, address, cmd.Process.Pid, translating})
	return nil
}

func (p *peers) stop() {
	for i := len(p.running) - 1; i >= 0; i-- {
		_ = p.running[i].Process.Kill()
		_ = p.running[i].Wait()
	}
}

// cpuTime reads user and system time of a process, all threads, from /proc.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading /proc/%d/stat: too short", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, in ticks of 10 ms
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
