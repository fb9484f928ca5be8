package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/metrics"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// discoveringConfig serves the directory at upstream and discovers its pairs.
func discoveringConfig(upstream string) config.Config {
	cfg := config.Default()
	cfg.Listeners = []proxy.ListenerConfig{{Address: "127.0.0.1:0", Protocol: "ldap"}}
	cfg.Upstream.Servers = []string{"ldap://" + upstream}
	cfg.Upstream.Base, cfg.Groups.Base = directory.SampleBase, directory.SampleBase
	cfg.Upstream.ServiceAccount.DN = demoBindDN
	cfg.Upstream.ServiceAccount.Password = secret.New([]byte(directory.SamplePassword))
	cfg.Groups.Discover.Enabled = true
	cfg.Web.Address = "127.0.0.1:0"
	cfg.Limits.Drain = 3 * time.Second
	return cfg
}

// running starts the service and returns it with its log; it is stopped, and
// everything that it started with it, before the test ends.
func running(t *testing.T, cfg config.Config) (*service, *logged) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	log := &logged{}
	svc, err := startService(cfg, output{Writer: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
		if strings.Contains(log.String(), directory.SamplePassword) || strings.Contains(log.String(), "hunter") {
			t.Errorf("a password is in the log:\n%s", log)
		}
	})
	return svc, log
}

func sampleDirectory(t *testing.T) *directory.Directory {
	t.Helper()
	dir, err := directory.New(directory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	if err := dir.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// get asks the web address of the service.
func get(t *testing.T, svc *service, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Get("http://" + svc.webAddr.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// eventually waits until ok, as something does that goes on in the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// boundTo connects to the proxy as Jamf's account.
func boundTo(t *testing.T, svc *service) *goldap.Conn {
	t.Helper()
	conn, err := goldap.DialURL("ldap://" + svc.state().listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Bind(demoBindDN, directory.SamplePassword); err != nil {
		conn.Close()
		t.Fatal(err)
	}
	return conn
}

// groupID asks the proxy as Jamf does.
func groupID(t *testing.T, svc *service, group string) string {
	t.Helper()
	conn := boundTo(t, svc)
	defer conn.Close()
	res, err := conn.Search(goldap.NewSearchRequest(directory.SampleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
		0, 0, false, "(&(objectClass=groupOfNames)(cn="+goldap.EscapeFilter(group)+"))", []string{"gidNumber"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Entries) != 1 {
		return ""
	}
	return res.Entries[0].GetAttributeValue("gidNumber")
}

// TestServeDiscoversPairs: without a single pair in the configuration, Jamf gets
// the group ID under the name in the console.
func TestServeDiscoversPairs(t *testing.T) {
	svc, log := running(t, discoveringConfig(sampleDirectory(t).Addr()))
	eventually(t, "/readyz is 200", func() bool { status, _ := get(t, svc, "/readyz"); return status == http.StatusOK })
	for group, want := range map[string]string{
		"gameOfThrones": "7001", "Los Pollos Hermanos": "7004", "Night's Watch (Wall)": "7005", "Everyone": "7006", "breakingBad": "",
	} {
		if got := groupID(t, svc, group); got != want {
			t.Errorf("%s has group ID %q, want %q", group, got, want)
		}
	}
	_, metrics := get(t, svc, "/metrics")
	for _, want := range []string{
		`pairs{state="configured"} 0`, `pairs{state="discovered"} 4`, `pairs{state="ambiguous"} 4`, `pairs{state="no_linux_group"} 1`,
		`discoveries_total{outcome="success"} 1`, "discovery_last_success_timestamp_seconds 1.",
	} {
		if !strings.Contains(metrics, "jamf_ldap_proxy_"+want) {
			t.Errorf("missing in the metrics: %s", want)
		}
	}
	eventually(t, "the log names the ambiguous groups", func() bool {
		return strings.Contains(log.String(), "groups have more than one candidate") && strings.Contains(log.String(), "Heisenberg Crew")
	})
}

// TestServeWithoutUpstream: a discovery that fails keeps nobody waiting.
func TestServeWithoutUpstream(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cfg := discoveringConfig(l.Addr().String())
	cfg.Upstream.ServiceAccount.Password = secret.New([]byte("hunter2"))
	svc, log := running(t, cfg)
	eventually(t, "/readyz is 200", func() bool { status, _ := get(t, svc, "/readyz"); return status == http.StatusOK })
	if _, metrics := get(t, svc, "/metrics"); !strings.Contains(metrics, `discoveries_total{outcome="unreachable"} 1`) {
		t.Error("the failure is not in the metrics")
	}
	eventually(t, "the log tells why", func() bool {
		return strings.Contains(log.String(), "discovering pairs has failed") && strings.Contains(log.String(), "refused")
	})
}

// TestServeIsNotReadyBeforeTheFirstAttempt, and stops in the middle of it.
func TestServeIsNotReadyBeforeTheFirstAttempt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	svc, _ := running(t, discoveringConfig(silent.Addr().String()))
	if status, body := get(t, svc, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "reading the groups for the first time") {
		t.Errorf("/readyz is %d %s", status, body)
	}
}

// TestServeSaysNoNamesInHashMode: log.privacy holds for discovery as well.
func TestServeSaysNoNamesInHashMode(t *testing.T) {
	cfg := discoveringConfig(sampleDirectory(t).Addr())
	cfg.Log.Privacy = "hash"
	_, log := running(t, cfg)
	eventually(t, "the log tells of ambiguous groups", func() bool {
		return strings.Contains(log.String(), "groups have more than one candidate")
	})
	if strings.Contains(log.String(), "Heisenberg") || strings.Contains(log.String(), "jamf.ldap") {
		t.Errorf("names in the log:\n%s", log)
	}
}

// TestServeInModeOffReadsNothing: off only forwards.
func TestServeInModeOffReadsNothing(t *testing.T) {
	cfg := discoveringConfig(sampleDirectory(t).Addr())
	cfg.Groups.Mode = rewrite.ModeOff
	svc, _ := running(t, cfg)
	if svc.state().discover != nil {
		t.Error("groups are read in mode off")
	}
}

func TestServeLogsWarningsOfTheConfiguration(t *testing.T) {
	cfg := discoveringConfig(sampleDirectory(t).Addr())
	cfg.Warnings = []string{"upstream.service_account.password_file: look at it"}
	_, log := running(t, cfg)
	eventually(t, "the warning is in the log", func() bool { return strings.Contains(log.String(), cfg.Warnings[0]) })
}

// TestOutcomesOfDiscoveryAreLabels: none of them counts as other by mistake.
func TestOutcomesOfDiscoveryAreLabels(t *testing.T) {
	m := metrics.New("")
	for _, outcome := range discovery.Outcomes() {
		m.Discovery(outcome)
	}
	for _, state := range []string{
		discovery.StateConfigured, discovery.StateDiscovered, discovery.StateAmbiguous, discovery.StateNoLinuxGroup, discovery.StateNoLegacyGroup,
	} {
		m.Pairs(state, 1)
	}
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, family := range families {
		if strings.HasSuffix(family.GetName(), "discoveries_total") || strings.HasSuffix(family.GetName(), "proxy_pairs") {
			for _, metric := range family.GetMetric() {
				labels = append(labels, metric.GetLabel()[0].GetValue())
				if v := metric.GetCounter().GetValue() + metric.GetGauge().GetValue(); v != 1 {
					t.Errorf("%s counts %v", metric, v)
				}
			}
		}
	}
	if len(labels) != len(discovery.Outcomes())+5 || slices.Contains(labels[len(discovery.Outcomes()):], "other") {
		t.Errorf("labels %v", labels)
	}
}
