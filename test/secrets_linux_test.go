package test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// copiesInMemory counts how often the writable memory of a process holds text.
func copiesInMemory(t testing.TB, pid int, text string) (found int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	pages, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		if err1 != nil || err2 != nil || !strings.HasPrefix(fields[1], "rw") {
			continue // vsyscall is beyond an int64, and not writable
		}
		for _, part := range usedMemory(t, pages, start, end) {
			all := make([]byte, part[1]-part[0])
			n, _ := memory.ReadAt(all, part[0]) // some cannot be read, by nobody
			found += bytes.Count(all[:n], []byte(text))
		}
	}
	return found
}

// usedMemory returns the runs of pages in use between two addresses: Go reserves
// many times of what it uses. Bits 63 and 62 of a page's eight octets say that it
// is present or swapped.
func usedMemory(t testing.TB, pages *os.File, start, end int64) (runs [][2]int64) {
	t.Helper()
	size := int64(os.Getpagesize())
	entries := make([]byte, (end-start)/size*8)
	if _, err := pages.ReadAt(entries, start/size*8); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for i := 7; i < len(entries); i += 8 {
		at := start + int64(i/8)*size
		switch {
		case entries[i]&0xc0 == 0:
		case len(runs) > 0 && runs[len(runs)-1][1] == at:
			runs[len(runs)-1][1] += size
		default:
			runs = append(runs, [2]int64{at, at + size})
		}
	}
	return runs
}

// While a session is bound its password is in memory once: upstream may have to
// be told again. Afterwards it is not.
//
// The directory is reached without TLS here. crypto/tls leaves behind what it was
// given to send when its buffer has to grow, which is seldom and not ours.
func TestMemoryHoldsNoPasswordAfterwards(t *testing.T) {
	t.Parallel()
	p := startWith(t, settings{
		servers: []string{markedDirectory(t).url()}, listenerTLS: true, plain: true,
		args: []string{"--allow-core-dumps"}, // whose memory we may read without being root
	})
	pid := p.cmd.Process.Pid
	for _, over := range []struct {
		what string
		open func() *wire
	}{
		{"plain", p.connect},
		{"StartTLS", func() *wire {
			w := p.connect()
			w.ask(tlv(opExtended, tlv(0x80, []byte(oidStartTLS))))
			w.secure(clientTLS(t))
			return w
		}},
		{"LDAPS", func() *wire {
			w := dialWire(t, p.ldaps)
			w.secure(clientTLS(t))
			return w
		}},
	} {
		t.Run(over.what, func(t *testing.T) {
			const sessions = 20
			var open []*wire
			for i := range sessions {
				w := over.open()
				w.ask(bindOp(3, userDN(strconv.Itoa(i)), wrongMarker))
				// In pieces, so that buffers grow around the password.
				raw := message(77, bindOp(3, service, rightMarker), control("1.2.3.4", false, []byte(strings.Repeat("x", 3000))))
				w.write(raw[:300])
				w.write(raw[300:])
				w.await(77)
				w.write(slices.Concat(message(78, bindOp(3, service, rightMarker)), message(79, search("(uid=jon.snow)").wire(t))))
				w.await(78)
				w.await(79)
				open = append(open, w)
			}
			if n := copiesInMemory(t, pid, rightMarker); n < sessions || n > sessions+sessions/4 {
				t.Errorf("%d bound sessions, and %d copies of the password", sessions, n)
			}
			for _, w := range open {
				w.conn.Close()
			}
			eventually(t, "no password is left", func() error {
				if !strings.Contains(p.get("/metrics"), "client_connections 0\n") {
					return errors.New("the sessions have not ended")
				}
				if right, wrong := copiesInMemory(t, pid, rightMarker), copiesInMemory(t, pid, wrongMarker); right+wrong > 0 {
					return fmt.Errorf("%d right and %d wrong ones are", right, wrong)
				}
				return nil
			})
		})
	}
}

// A crash leaves no core file, even where one is asked for; with
// --allow-core-dumps it does, and the password is in it.
func TestNoCoreFile(t *testing.T) {
	t.Parallel()
	if c := crash(t, "crash", syscall.SIGABRT); c.core != nil {
		t.Errorf("a core file of %d bytes was left", len(c.core))
	}
	var limit syscall.Rlimit
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Max == 0 || strings.ContainsAny(string(pattern), "|/") {
		t.Logf("no core file can be had here (limit %d, pattern %s)", limit.Max, pattern)
		return
	}
	if c := crash(t, "crash", syscall.SIGABRT, "--allow-core-dumps"); !bytes.Contains(c.core, []byte(rightMarker)) {
		t.Errorf("the core file that was asked for has %d bytes and no password: nothing is shown by its absence", len(c.core))
	}
}

// Processes of the same user may not look into the proxy.
func TestOtherProcessesCannotLookInside(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		s := settings{servers: []string{markedDirectory(t).url()}}
		if allowed {
			s.args = []string{"--allow-core-dumps"}
		}
		p := startAsNobody(t, s)
		for _, file := range []string{"environ", "mem", "fd"} {
			look := asNobody(exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/%s/", p.cmd.Process.Pid, file)))
			if file != "fd" {
				look = asNobody(exec.Command("head", "-c", "0", fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file)))
			}
			if out, err := look.CombinedOutput(); (err == nil) != allowed {
				t.Errorf("allowed %v, looking at %s: %v %s", allowed, file, err, out)
			}
		}
		if metrics := p.get("/metrics"); !strings.Contains(metrics, "process_open_fds") || !strings.Contains(metrics, "process_resident_memory_bytes") {
			t.Errorf("allowed %v: the proxy cannot look into itself any more", allowed)
		}
	}
}

// asNobody has a command run as a user without rights, if this test has any.
func asNobody(cmd *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return cmd
}

// startAsNobody starts a proxy as that user, who has to be able to read it.
func startAsNobody(t *testing.T, s settings) *proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "jamf-ldap-proxy-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(plainBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	binary, config := filepath.Join(dir, "proxy"), filepath.Join(dir, "proxy.yaml")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, program, 0o755), os.WriteFile(config, s.yaml(t), 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := asNobody(exec.Command(binary, append([]string{"serve", "--config", config}, s.args...)...))
	cmd.Dir = "/"
	p := launch(t, cmd, config)
	p.awaitAddresses(false)
	p.awaitReady()
	return p
}
