package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// workDir is a folder for the whole run: binaries, certificates, slapd's
// database, Java classes.
var workDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if workDir, err = os.MkdirTemp("", "jamf-ldap-proxy-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workDir)
	defer stopShared()
	return m.Run()
}

// noteSources looks at every file the binary is built from. The go command
// records what a test looks at, and so knows that a cached result of these
// tests is void when the product changes. It does not record what is looked at
// before the first test.
var noteSources = sync.OnceFunc(func() {
	filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			os.Stat(path)
		}
		return nil
	})
})

// shared collects what lives as long as the run: slapd, the Java machine.
var shared struct {
	sync.Mutex
	stop []func()
}

func atExit(stop func()) {
	shared.Lock()
	defer shared.Unlock()
	shared.stop = append(shared.stop, stop)
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	for _, stop := range shared.stop {
		stop()
	}
}

// raceBinary returns the path of the program under test, built once, with the
// race detector when the tests have it.
func raceBinary(t testing.TB) string {
	t.Helper()
	path, err := buildBinary(raceEnabled)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// plainBinary is the program without the race detector, whose shadow memory
// would drown a memory bound.
func plainBinary(t testing.TB) string {
	t.Helper()
	path, err := buildBinary(false)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builds struct {
	sync.Mutex
	done map[bool]func() (string, error)
}

func buildBinary(race bool) (string, error) {
	noteSources()
	builds.Lock()
	if builds.done == nil {
		builds.done = map[bool]func() (string, error){}
	}
	build := builds.done[race]
	if build == nil {
		build = sync.OnceValues(func() (string, error) {
			path := filepath.Join(workDir, fmt.Sprintf("jamf-ldap-proxy-race-%v", race))
			args := []string{"build", "-o", path}
			if race {
				args = append(args, "-race")
			}
			cmd := exec.Command("go", append(args, "./cmd/jamf-ldap-proxy")...)
			cmd.Dir = ".."
			if out, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("building the proxy: %w\n%s", err, out)
			}
			return path, nil
		})
		builds.done[race] = build
	}
	builds.Unlock()
	return build()
}

// need skips the test when a program of another project is missing, or fails
// it where every peer is required.
func need(t testing.TB, programs ...string) {
	t.Helper()
	var missing []string
	for _, p := range programs {
		if findProgram(p) == "" {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return
	}
	lacks(t, "not installed: "+strings.Join(missing, ", "))
}

// lacks skips the test for want of something, or fails it where nothing may be
// wanting.
func lacks(t testing.TB, text string) {
	t.Helper()
	if os.Getenv("TEST_OF_JAMF_LDAP_PROXY_REQUIRE_PEERS") != "" {
		t.Fatal(text + " (required by TEST_OF_JAMF_LDAP_PROXY_REQUIRE_PEERS)")
	}
	t.Skip(text)
}

// findProgram also looks where Debian puts daemons, which is not in every
// user's PATH.
func findProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// transcript keeps what a child process prints.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tail returns the last lines of a long text, very long lines cut.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range all {
		if len(line) > 1200 {
			all[i] = line[:1200] + " ..."
		}
	}
	if len(all) > lines {
		all = append([]string{fmt.Sprintf("... %d lines before", len(all)-lines)}, all[len(all)-lines:]...)
	}
	return strings.Join(all, "\n")
}
