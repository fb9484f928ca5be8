package test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/doctor"
)

// served visits a running proxy. The doctor's configuration names the addresses
// that the proxy chose.
func served(s settings, change func(*testing.T, *visit, *proxy)) func(*testing.T) *visit {
	return func(t *testing.T) *visit {
		s := s
		if s.servers == nil {
			s.servers = []string{startedSlapd(t).url()}
		}
		if s.listenerTLS && s.certificate == "" {
			s.certificate, s.key = issued(t, nil)
		}
		p := startWith(t, s)
		v := &visit{servers: []string{startedSlapd(t).url()}, listeners: []yamlMap{{"address": p.ldap}}}
		if s.listenerTLS {
			files := yamlMap{"certificate": s.certificate, "key": s.key}
			v.listeners = []yamlMap{{"address": p.ldap, "tls": files}, {"address": p.ldaps, "protocol": "ldaps", "tls": files}}
			v.args = []string{"--jamf-host", "127.0.0.1"}
		}
		if change != nil {
			change(t, v, p)
		}
		return v
	}
}

// servedAs is served with a certificate.
func servedAs(cert func(*certificate), change func(*testing.T, *visit, *proxy)) func(*testing.T) *visit {
	return func(t *testing.T) *visit {
		s := settings{listenerTLS: true}
		s.certificate, s.key = issued(t, cert)
		return served(s, change)(t)
	}
}

var proxyMistakes = []mistake{
	{"Jamf gives up before", sample(func(t *testing.T, v *visit) { v.upstream = yamlMap{"bind_timeout": "30s"} }),
		"jamf-timeouts", doctor.Warn, "a login may take 35 s", `"Connection Timeout" in Jamf, Settings > LDAP Servers: 35`},
	{"Jamf is set lower", sample(func(t *testing.T, v *visit) { v.args = []string{"--jamf-search-timeout", "20"} }),
		"jamf-timeouts", doctor.Warn, "Jamf gives up after 20 s", `"Search Timeout"`},
	{"none runs", sample(func(t *testing.T, v *visit) { v.listeners = []yamlMap{{"address": free(t)}} }),
		"listener", doctor.Skip, "does not run on this machine", "jamf-ldap-proxy serve --config"},
	{"one is closed", served(settings{}, func(t *testing.T, v *visit, p *proxy) {
		v.listeners = append([]yamlMap{{"address": p.ldap}}, yamlMap{"address": free(t)})
	}), "listener", doctor.Fail, "refused", "restart the proxy"},
	{"Jamf is elsewhere", served(settings{listenerTLS: true}, func(t *testing.T, v *visit, p *proxy) { v.args = []string{"--jamf-host", serverHost} }),
		"listener", doctor.Warn, "on this machine only", "0.0.0.0"},
	{"plain text", served(settings{}, func(t *testing.T, v *visit, p *proxy) {
		_, port := host(t, p.ldap)
		v.listeners = []yamlMap{{"address": "0.0.0.0:" + port}}
	}), "listener", doctor.Warn, "readable", "protocol: ldaps"},
	{"this machine is not allowed", served(settings{}, func(t *testing.T, v *visit, p *proxy) {
		v.listeners[0]["allow"] = []string{"10.0.0.0/8"}
	}), "listener", doctor.Skip, "127.0.0.1", "add 127.0.0.1 to allow"},
	{"another certificate", served(settings{listenerTLS: true}, func(t *testing.T, v *visit, p *proxy) {
		cert, key := issued(t, nil)
		v.listeners[1]["tls"] = yamlMap{"certificate": cert, "key": key}
	}), "listener-tls", doctor.Fail, "another certificate", "has this configuration"},
	{"not for a server", servedAs(func(c *certificate) { c.usage = x509.ExtKeyUsageClientAuth }, func(t *testing.T, v *visit, p *proxy) {
		v.env = []string{"SSL_CERT_FILE=" + pki(t).caPEM} // else it is not even judged
	}), "listener-certificate", doctor.Fail, "usage", "jamf-ldap-proxy cert create"},
	{"Jamf has another name", served(settings{listenerTLS: true}, func(t *testing.T, v *visit, p *proxy) { v.args = []string{"--jamf-host", "localhost"} }),
		"listener-name", doctor.Fail, "not for localhost", "jamf-ldap-proxy cert create --host localhost"},
	{"Jamf's name is not known", served(settings{listenerTLS: true}, func(t *testing.T, v *visit, p *proxy) { v.args = nil }),
		"listener-name", doctor.Skip, serverHost, "--jamf-host NAME"},
	{"expired", servedAs(func(c *certificate) { c.begin, c.end = -48*time.Hour, -time.Hour }, nil),
		"listener-expiry", doctor.Fail, "ended on", "cert create --force"},
	{"ends soon", servedAs(func(c *certificate) { c.end = 49 * time.Hour }, nil),
		"listener-expiry", doctor.Warn, "2 days left", "cert create --force"},
	{"another program", sample(func(t *testing.T, v *visit) { v.listeners = []yamlMap{{"address": startedSlapd(t).addr}} }),
		"listener-proxy", doctor.Fail, "not this proxy", "choose another port"},
	{"another configuration", served(settings{}, func(t *testing.T, v *visit, p *proxy) {
		v.servers, v.upstream = []string{elsewhereOrg(t)}, yamlMap{"base": strings.Replace(usersBase, "5f0e", "4f0e", 1)}
		v.dn = strings.Replace(service, "5f0e", "4f0e", 1)
	}), "listener-proxy", doctor.Fail, "a proxy for", "restart the proxy"},
	{"another directory", func(t *testing.T) *visit {
		gone := free(t)
		return served(settings{servers: []string{"ldap://" + gone}, upstreamIsOff: true}, nil)(t)
	}, "proxy-bind", doctor.Fail, "unavailable (52)", "log of the proxy"},
	{"held back", served(settings{}, func(t *testing.T, v *visit, p *proxy) {
		conn, err := goldap.DialURL("ldap://" + p.ldap)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 6 {
			conn.Bind(service, "wrong")
		}
	}), "proxy-bind", doctor.Fail, "busy (51)", "limits.failed_binds"},
	{"mode off", served(settings{mode: "off"}, nil), "proxy-group", doctor.Fail, "no gidNumber", "Create Linux group"},
	{"mode off, and known", served(settings{mode: "off"}, func(t *testing.T, v *visit, p *proxy) { v.groups = yamlMap{"mode": "off"} }),
		"proxy-group", doctor.Warn, "groups.mode is off", "groups.mode: posix"},
	{"without a Linux group", served(settings{}, func(t *testing.T, v *visit, p *proxy) { v.args = []string{"--group", "CarWash"} }),
		"proxy-group", doctor.Fail, `no group with the name "CarWash"`, "Linux group"},
}

func free(t testing.TB) string {
	t.Helper()
	a, _, err := freeAddresses()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// elsewhereOrg is the sample organisation under another ID.
func elsewhereOrg(t testing.TB) string {
	t.Helper()
	up, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(strings.ReplaceAll(orgLDIF, "5f0e1d2c3b4a59687766554a", "4f0e1d2c3b4a59687766554a"))})
	return up.url()
}
