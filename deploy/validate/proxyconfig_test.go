package validate

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// proxyConfig is what the tests look at in a configuration of the proxy.
type proxyConfig struct {
	Listeners []struct{ Address string }
	Upstream  struct{ Servers []string }
	Web       struct {
		Address   string
		UsersFile string `json:"users_file"`
		TokenFile string `json:"token_file"`
	}
	Journal struct{ Path string }
	Limits  struct {
		Drain      string
		DrainDelay string `json:"drain_delay"`
	}
}

func parseProxyConfig(t *testing.T, text string) proxyConfig {
	t.Helper()
	var c proxyConfig
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// ports are those that the proxy listens on, each in all networks of the
// container.
func (c proxyConfig) ports(t *testing.T) []int {
	t.Helper()
	addresses := []string{c.Web.Address}
	for _, l := range c.Listeners {
		addresses = append(addresses, l.Address)
	}
	var ports []int
	for _, address := range addresses {
		port, all := strings.CutPrefix(address, "0.0.0.0:")
		if !all {
			t.Errorf("%s cannot be reached from outside the container", address)
		}
		ports = append(ports, number(t, port))
	}
	slices.Sort(ports)
	return ports
}

// upstreamPorts are those of the servers that it asks.
func (c proxyConfig) upstreamPorts(t *testing.T) []int {
	t.Helper()
	var ports []int
	for _, server := range c.Upstream.Servers {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, number(t, u.Port()))
	}
	return ports
}

// end is how long it takes to stop at most: 30s and no delay are the defaults.
func (c proxyConfig) end(t *testing.T) time.Duration {
	t.Helper()
	length := 30 * time.Second
	if c.Limits.Drain != "" {
		length = duration(t, c.Limits.Drain)
	}
	if c.Limits.DrainDelay != "" {
		length += duration(t, c.Limits.DrainDelay)
	}
	return length
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// below is an absolute path of a container in the folder that stands for its
// root.
func below(root, name string) string { return path.Join(root, name) }

// checkConfig has the proxy check a configuration that stands at its place in the
// folder root, which stands for the root of the container: the absolute names in
// it are changed.
func checkConfig(t *testing.T, root, file string, folders ...string) {
	t.Helper()
	text := read(t, below(root, file))
	for _, folder := range folders {
		text = strings.ReplaceAll(text, " "+folder+"/", " "+below(root, folder)+"/")
	}
	write(t, below(root, file), text)
	proxy(t, "config", "check", "--config", below(root, file))
}
