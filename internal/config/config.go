// Package config turns the configuration file and the JAMF_LDAP_PROXY_...
// environment variables into one typed, checked value.
//
// The file is read strictly: a key that nobody knows, a value of the wrong type
// or a name used twice is a mistake, and all mistakes of a file are reported
// together, each with its line, because an administrator who fixes one mistake
// per restart gives up at the third.
//
// Every section's type belongs to the package that uses it; this package only
// composes them, so no value is copied field by field on its way.
package config

import (
	"reflect"
	"strings"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// Config is the shape of the configuration file.
//
// After Load or Parse it is complete and checked: defaults are filled in, file
// names are absolute, Web.Address is "" when the page is switched off,
// Groups.Base repeats Upstream.Base, Groups.LegacyClass is spelled as in the
// schema, and Upstream.ServiceAccount.Password is loaded.
type Config struct {
	Listeners []proxy.ListenerConfig `yaml:"listeners"`
	Upstream  upstream.Config        `yaml:"upstream"`
	Groups    rewrite.Config         `yaml:"groups"`
	Cache     cache.Config           `yaml:"cache"`
	Web       WebConfig              `yaml:"web"`
	Journal   journal.Config         `yaml:"journal"`
	Log       LogConfig              `yaml:"log"`
	Guards    proxy.GuardsConfig     `yaml:"guards"`
	Limits    proxy.Limits           `yaml:"limits"`

	// Warnings are what the loader found that works and is still worth a look,
	// one sentence each. They are no key of the file.
	Warnings []string `yaml:"-"`
	// File is where it came from, for people; whoever loads it may set it.
	File string `yaml:"-"`
}

// WebConfig is the `web` section: the page, /metrics and the health checks.
type WebConfig struct {
	// Address is host:port; "" or "off" in the file switches the page off, and ""
	// is what the loader leaves then. One that is not loopback needs a user or a
	// token.
	Address string `yaml:"address"`
	// UsersFile holds lines of user:bcrypt-hash, as `htpasswd -nB` prints them, and
	// TokenFile a secret for programs (Authorization: Bearer). With either, every
	// page but /healthz and /readyz asks who is there.
	UsersFile string          `yaml:"users_file"`
	TokenFile string          `yaml:"token_file"`
	TLS       proxy.ServerTLS `yaml:"tls"`
	Try       bool            `yaml:"try"` // the page may ask questions with credentials typed on it
}

// LogConfig is the `log` section.
type LogConfig struct {
	Level   string `yaml:"level"`   // debug, info, warn or error
	Format  string `yaml:"format"`  // json, console, slapd, or auto: console on a terminal, else json
	Privacy string `yaml:"privacy"` // plain, or hash: names and values are replaced by keyed hashes
	// PrivacyKeyFile holds the key of the hashes, so that equal values have equal
	// ones after a restart, too. Without it each start has a key of its own.
	PrivacyKeyFile string `yaml:"privacy_key_file"`
	PrivacyKey     []byte `yaml:"-"` // what is in it
	// MaskedAttributes are attributes whose values are never shown. The loader
	// adds userPassword when a list leaves it out: that one is not negotiable.
	MaskedAttributes []string `yaml:"masked_attributes"`
}

// alwaysMasked is the attribute that no configuration can unmask.
const alwaysMasked = "userPassword"

// Default returns every default. It is not yet a valid configuration, because
// upstream.servers and upstream.base have no default.
func Default() Config {
	return Config{
		Listeners: []proxy.ListenerConfig{{Address: "127.0.0.1:1389", Protocol: protocolLDAP}},
		Upstream:  upstream.DefaultConfig(),
		Groups:    rewrite.DefaultConfig(),
		Cache:     cache.DefaultConfig(),
		Web:       WebConfig{Address: "127.0.0.1:8389", Try: true},
		Journal:   journal.DefaultConfig(),
		Log: LogConfig{
			Level: "info", Format: "auto", Privacy: "plain",
			MaskedAttributes: []string{alwaysMasked},
		},
		Guards: proxy.DefaultGuards(),
		Limits: proxy.DefaultLimits(),
	}
}

// itemDefaults holds what a list item starts from; a list in the file replaces
// the default list, so its items cannot inherit from that.
var itemDefaults = map[reflect.Type]any{
	reflect.TypeFor[proxy.ListenerConfig](): proxy.ListenerConfig{Protocol: protocolLDAP},
}

// newItem returns a settable list item with its defaults.
func newItem(t reflect.Type) reflect.Value {
	item := reflect.New(t).Elem()
	if d, ok := itemDefaults[t]; ok {
		item.Set(reflect.ValueOf(d))
	}
	return item
}

// Keys returns the path of every key of the file in the order of the types,
// items of a list written as []: groups.pairs[].posix.
func Keys() []string {
	return appendKeys(nil, "", reflect.TypeFor[Config]())
}

func appendKeys(keys []string, path string, t reflect.Type) []string {
	switch {
	case isSection(t):
		for _, f := range fieldsOf(t) {
			keys = appendKeys(keys, join(path, f.name), t.Field(f.index).Type)
		}
		return keys
	case isList(t) && isSection(t.Elem()):
		return appendKeys(keys, path+"[]", t.Elem())
	}
	return append(keys, path)
}

// field is one key of a section.
type field struct {
	name  string
	index int
}

// fieldsOf lists the keys of a section type; fields tagged "-" are not keys.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields = append(fields, field{name, i})
		}
	}
	return fields
}

// isSection reports whether t is a mapping of keys: a struct that does not read
// itself from text, as netip.Prefix does.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !readsText(t)
}

// isList reports whether t is a list.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && !readsText(t)
}
