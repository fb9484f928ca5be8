package validate

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

const composeDir = "../compose"

// projects are compose.yaml as docker compose reads it: in place of .env the example of it,
// and the demo's.
func projects(t *testing.T) map[string]*types.Project {
	t.Helper()
	all := map[string]*types.Project{}
	for name, file := range map[string]string{"jumpcloud": ".env.example", "demo": "demo.env"} {
		o, err := cli.NewProjectOptions([]string{filepath.Join(composeDir, "compose.yaml")},
			cli.WithEnvFiles(filepath.Join(composeDir, file)), cli.WithDotEnv, cli.WithDefaultProfiles())
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = o.LoadProject(context.Background()); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// Compose accepts the file; every service has a version, as few rights as it can do
// with, and says when it is well.
func TestComposeServicesAreHardened(t *testing.T) {
	t.Parallel()
	for name, p := range projects(t) {
		want := []string{"grafana", "prometheus", "proxy"}
		if name == "demo" {
			want = []string{"directory", "grafana", "prometheus", "proxy"}
		}
		if got := p.ServiceNames(); !slices.Equal(got, want) {
			t.Errorf("%s: services %v", name, got)
		}
		for _, s := range p.Services {
			where := name + ": " + s.Name
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Restart == "" {
				t.Errorf("%s: read_only %v, cap_drop %v, security_opt %v, restart %q", where, s.ReadOnly, s.CapDrop, s.SecurityOpt, s.Restart)
			}
			if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" || tag == "" {
				t.Errorf("%s: image %s has no version", where, s.Image)
			}
			// The proxy's stands in its Dockerfile.
			if s.HealthCheck == nil && s.Name != "proxy" {
				t.Errorf("%s: nothing says when it is well", where)
			}
			for _, port := range s.Ports {
				if port.HostIP != "127.0.0.1" && (name == "demo" || port.Target != 1636) {
					t.Errorf("%s: port %d is open to the network", where, port.Target)
				}
			}
			for _, v := range s.Volumes {
				if v.Type == types.VolumeTypeBind && !v.ReadOnly {
					t.Errorf("%s may write to %s", where, v.Source)
				}
			}
		}
	}
}

// The proxy starts with the files that it is given, listens where its ports lead,
// and has the time to stop.
func TestComposeConfigurationIsFine(t *testing.T) {
	t.Parallel()
	for name, p := range projects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := p.Services["proxy"]
			root := t.TempDir()
			const folder, secrets = "/etc/jamf-ldap-proxy", "/run/secrets"
			i := slices.IndexFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == folder })
			config := read(t, filepath.Join(s.Volumes[i].Source, "config.yaml"))
			write(t, below(root, folder+"/config.yaml"), config)
			if name == "jumpcloud" { // as its README says
				proxy(t, "cert", "create", "--host", "ldap.example.com", "--dir", below(root, folder))
			}
			if err := os.MkdirAll(below(root, "/var/lib/jamf-ldap-proxy"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, secret := range s.Secrets {
				text := madeByHand["jamf-ldap-proxy"][secret.Source]
				if file := p.Secrets[secret.Source].File; name == "demo" {
					text = read(t, file)
				}
				write(t, below(root, path.Join(secrets, secret.Source)), text)
			}
			checkConfig(t, root, folder+"/config.yaml", secrets, "/var/lib/jamf-ldap-proxy")

			c := parseProxyConfig(t, config)
			var published []int
			for _, port := range s.Ports {
				published = append(published, int(port.Target))
			}
			for _, port := range c.ports(t) {
				if !slices.Contains(published, port) {
					t.Errorf("port %d is not published", port)
				}
			}
			if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= c.end(t) {
				t.Errorf("stop_grace_period is %v, the proxy takes up to %v", s.StopGracePeriod, c.end(t))
			}
			if limit := value(t, strings.TrimSuffix(*s.Environment["GOMEMLIMIT"], "B")); limit >= int64(s.MemLimit) {
				t.Errorf("GOMEMLIMIT %d is not below mem_limit %d", limit, s.MemLimit)
			}
		})
	}
}

// A file that a service is given is there, unless the administrator makes it; and
// what one service calls by a name, the others call so too.
func TestComposeFilesAgree(t *testing.T) {
	t.Parallel()
	p := projects(t)["demo"]
	at := map[string]string{} // where files of the project are in the containers
	for _, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", s.Name, err)
				}
				at[s.Name+":"+v.Target] = v.Source
			}
		}
		for _, secret := range s.Secrets {
			if _, err := os.Stat(p.Secrets[secret.Source].File); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
			at[s.Name+":/run/secrets/"+secret.Source] = p.Secrets[secret.Source].File
		}
	}

	var scraper struct {
		RuleFiles     []string `json:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string                       `json:"job_name"`
			StaticConfigs []struct{ Targets []string } `json:"static_configs"`
			Authorization struct {
				CredentialsFile string `json:"credentials_file"`
			}
		} `json:"scrape_configs"`
	}
	decode(t, at["prometheus:/etc/prometheus/prometheus.yaml"], &scraper)
	job := scraper.ScrapeConfigs[0]
	web := parseProxyConfig(t, read(t, filepath.Join(at["proxy:/etc/jamf-ldap-proxy"], "config.yaml"))).Web
	if _, port, _ := strings.Cut(web.Address, ":"); job.JobName != "jamf-ldap-proxy" || !slices.Equal(job.StaticConfigs[0].Targets, []string{"proxy:" + port}) {
		t.Errorf("Prometheus asks %+v, the page is at %s", job, web.Address)
	}
	if token := at["prometheus:"+job.Authorization.CredentialsFile]; token == "" || token != at["proxy:"+web.TokenFile] {
		t.Errorf("Prometheus comes with the token of %q, the proxy has %q", token, at["proxy:"+web.TokenFile])
	}
	if rules := at["prometheus:"+path.Join("/etc/prometheus", scraper.RuleFiles[0])]; !strings.HasSuffix(rules, "deploy/prometheus/alerts.yaml") {
		t.Errorf("the alerts are %q", rules)
	}
	if !slices.Contains(p.Services["prometheus"].Command, "--config.file=/etc/prometheus/prometheus.yaml") {
		t.Errorf("Prometheus is started with %v", p.Services["prometheus"].Command)
	}

	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	decode(t, at["grafana:/etc/grafana/provisioning/datasources/prometheus.yaml"], &sources)
	if s := sources.Datasources[0]; s.Type != "prometheus" || s.URL != "http://prometheus:9090" {
		t.Errorf("Grafana asks %+v", s)
	}
	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	decode(t, at["grafana:/etc/grafana/provisioning/dashboards/jamf-ldap-proxy.yaml"], &dashboards)
	if board := at["grafana:"+path.Join(dashboards.Providers[0].Options.Path, "jamf-ldap-proxy.json")]; !strings.HasSuffix(board, "deploy/grafana/jamf-ldap-proxy.json") {
		t.Errorf("the dashboard is %q", board)
	}
	if file := *p.Services["grafana"].Environment["GF_SECURITY_ADMIN_PASSWORD__FILE"]; at["grafana:"+file] == "" {
		t.Errorf("there is no %s for Grafana", file)
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
