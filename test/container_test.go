package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The image starts with its own configuration and one variable, as the user that it
// names, without any right and on a root that nobody can write to. It finds the
// directory's certificate among its own trusted roots, keeps a journal in a volume, is
// found well by its own health check, answers, and ends when it is told to.
func TestImage(t *testing.T) {
	t.Parallel()
	need(t, "unshare", "mount", "chroot", "ldapsearch")
	roots, err := os.ReadFile(pki(t).caPEM)
	if err != nil {
		t.Fatal(err)
	}
	img := buildImage(t, buildArgs, roots)
	t.Logf("%d files, %.1f MiB, of which the program %.1f MiB:\n%s", len(img.files), mib(img.bytes), mib(img.programSize), strings.Join(img.files, "\n"))
	if diff := cmp.Diff([]string{
		"/etc/jamf-ldap-proxy/config.yaml", "/etc/ssl/certs/ca-certificates.crt", "/usr/bin/jamf-ldap-proxy", "/usr/share/doc/jamf-ldap-proxy/LICENSE",
	}, img.files); diff != "" {
		t.Errorf("files of the image\n%s", diff)
	}
	if img.user != "65532:65532" || img.labels["org.opencontainers.image.version"] != "v9.8.7" || img.labels["org.opencontainers.image.revision"] == "" {
		t.Errorf("user %s, labels %v", img.user, img.labels)
	}

	up := embedded(t)
	c := &running{t: t, image: img, volume: t.TempDir()}
	ldap, web := free(t), free(t)
	c.env = []string{
		"JAMF_LDAP_PROXY_UPSTREAM_BASE=" + usersBase,
		"JAMF_LDAP_PROXY_UPSTREAM_SERVERS=" + up.tlsURL(),
		"JAMF_LDAP_PROXY_LISTENERS_0_ADDRESS=" + ldap,
		"JAMF_LDAP_PROXY_WEB_ADDRESS=" + web,
		"JAMF_LDAP_PROXY_JOURNAL_PATH=/var/lib/jamf-ldap-proxy/lookups.db",
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(c.volume, 65532, 65532); err != nil {
			t.Fatal(err)
		}
	}
	if out, _ := c.run("version", "--json"); versionOf(t, out) != "v9.8.7" {
		t.Errorf("version: %s", out)
	}
	if out, err := c.run(c.image.health[1:]...); err == nil {
		t.Errorf("nothing runs yet, and the health check says %s", out)
	}
	c.start()
	eventually(t, "the health check of the image", func() error {
		out, err := c.run(c.image.health[1:]...)
		if err != nil {
			return fmt.Errorf("%v: %s", err, out)
		}
		return nil
	})
	if rights := c.rights(); os.Geteuid() == 0 && rights != "Uid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nCapEff:\t0000000000000000" {
		t.Errorf("the process has the rights\n%s", rights)
	}
	answer := newLDAPUtils(t, ldap, service, password).ask(t, search("(&(objectClass=inetOrgPerson)(uid=jon.snow))", "uid"))
	if answer.Code != 0 || len(answer.Entries) != 1 {
		t.Errorf("ldapsearch: %+v", answer)
	}
	eventually(t, "the lookup is in the journal", func() error {
		out, err := c.run("lookups", "--journal", "/var/lib/jamf-ldap-proxy/lookups.db", "--json")
		if err != nil || !strings.Contains(out, "jon.snow") {
			return fmt.Errorf("%v: %s", err, out)
		}
		return nil
	})
	c.stop()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func versionOf(t *testing.T, text string) string {
	t.Helper()
	var v struct{ Version string }
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v.Version
}

// running runs programs of an image with what the kernel offers: a mount namespace in
// which the root is the image's, read-only, with a volume at the place for the journal. The
// network is this machine's.
type running struct {
	t      *testing.T
	image  *image
	env    []string
	volume string
	log    transcript
	cmd    *exec.Cmd
	exited chan error
}

// enter is a script for sh: $1 is the root, $2 the volume, $3 its PATH, $4 what chroot takes to change the
// user.
const enter = `set -e
root=$1 volume=$2 path=$3 user=$4
shift 4
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$volume" "$root/var/lib/jamf-ldap-proxy"
PATH=$path exec "$CHROOT" $user "$root" "$@"`

func (c *running) command(ctx context.Context, args ...string) *exec.Cmd {
	c.t.Helper()
	unshare, user := []string{"--mount", "--propagation", "private"}, "--userspec="+c.image.user
	if os.Geteuid() != 0 { // as root of a namespace in which there is no other user
		unshare, user = append(unshare, "--map-root-user"), ""
	}
	args = append(append(unshare, "sh", "-c", enter, "sh", c.image.root, c.volume, c.image.path, user), args...)
	cmd := exec.CommandContext(ctx, findProgram("unshare"), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "CHROOT=" + findProgram("chroot")}, c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// run is `docker exec`: a command of the image's program, and what it prints.
func (c *running) run(args ...string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := c.command(ctx, append(slices.Clone(c.image.entrypoint), args...)...).CombinedOutput()
	return string(out), err
}

// start is `docker run`.
func (c *running) start() {
	c.t.Helper()
	c.cmd = c.command(context.Background(), append(slices.Clone(c.image.entrypoint), c.image.cmd...)...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.exited = make(chan error, 1)
	go func() { c.exited <- c.cmd.Wait() }()
	c.t.Cleanup(func() {
		if c.cmd != nil {
			c.cmd.Process.Kill()
			<-c.exited
		}
		if c.t.Failed() {
			c.t.Logf("log of the container:\n%s", tail(c.log.String(), 25))
		}
	})
}

// rights are what the kernel says of the running process: its user, and its capabilities.
func (c *running) rights() string {
	c.t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid), "status"))
	if err != nil {
		c.t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^(Uid|Gid|CapEff):.*$`).FindAllString(string(status), -1)
	return strings.Join(lines, "\n")
}

// stop is `docker stop`.
func (c *running) stop() {
	c.t.Helper()
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-c.exited:
		c.cmd = nil
		if err != nil {
			c.t.Errorf("the container ended with %v", err)
		}
	case <-time.After(2 * patience):
		c.t.Errorf("the container did not end within %v", 2*patience)
	}
}

// The build sees what it needs and no more: above all no secret that lies beside
// compose.yaml.
func TestBuildContext(t *testing.T) {
	t.Parallel()
	secret := filepath.Join("..", "deploy", "compose", "secrets", fmt.Sprintf("of-a-test-%d", os.Getpid()))
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(secret)
	if out, err := exec.Command("git", "check-ignore", "-q", secret).CombinedOutput(); err != nil {
		t.Errorf("git does not ignore %s: %v %s", secret, err, out)
	}
	files := buildContext(t)
	for _, name := range files {
		top, _, _ := strings.Cut(name, "/")
		if !slices.Contains([]string{"go.mod", "go.sum", "LICENSE", "cmd", "configs", "internal", "proxy", "rewrite"}, top) && name != "deploy/container/config.yaml" {
			t.Errorf("%s is in the build context", name)
		}
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			t.Errorf("%s of the tests is in the build context", name)
		}
	}
	if len(files) < 100 {
		t.Errorf("only %d files", len(files))
	}
}

// The Go of the Dockerfile is not older than go.mod wants, and the image is compiled on
// the machine's own platform.
func TestDockerfileBase(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\ngo ")
	want, _, _ := strings.Cut(rest, "\n")
	minor := want[:strings.LastIndexByte(want, '.')]
	from := dockerfile(t)[0]
	if !strings.HasPrefix(from.rest, "--platform=$BUILDPLATFORM golang:"+minor+".") {
		t.Errorf("FROM %s, but go.mod says %s", from.rest, want)
	}
}

// Prometheus itself reads the configuration that compose.yaml gives it, laid out as in its
// container.
func TestPrometheusAcceptsComposeConfiguration(t *testing.T) {
	t.Parallel()
	need(t, "promtool")
	dir := t.TempDir()
	copyTree(t, filepath.Join(prometheusDir, "alerts.yaml"), filepath.Join(dir, "alerts.yaml"))
	copyTree(t, "../deploy/compose/demo/secrets/token", filepath.Join(dir, "token"))
	text, err := os.ReadFile("../deploy/compose/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yaml")
	writeFile(t, file, []byte(strings.ReplaceAll(string(text), "/run/secrets/", dir+"/")))
	if out, err := exec.Command(findProgram("promtool"), "check", "config", file).CombinedOutput(); err != nil || !strings.Contains(string(out), "1 rule files found") {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
