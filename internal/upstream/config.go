package upstream

import (
	"time"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/secret"
)

// Config is the `upstream` section of the configuration file: the directory
// that the proxy asks, JumpCloud as a rule.
type Config struct {
	// Servers are LDAP URLs (ldap://host[:389] or ldaps://host[:636]).
	Servers []string `yaml:"servers"`
	// Policy chooses among the servers that answer.
	Policy Policy `yaml:"policy"`
	// Base is the DN under which users and groups live.
	Base string `yaml:"base"`
	// StartTLS upgrades ldap:// servers before anything else is sent.
	StartTLS bool `yaml:"starttls"`
	// AllowPlaintext permits ldap:// without StartTLS to another machine than
	// this one; passwords then cross the network readable.
	AllowPlaintext bool      `yaml:"allow_plaintext"`
	TLS            TLSConfig `yaml:"tls"`
	// ServiceAccount is who the proxy is when it asks for itself: to discover
	// pairs. Clients are always forwarded as themselves.
	ServiceAccount ServiceAccount `yaml:"service_account"`

	ConnectTimeout time.Duration `yaml:"connect_timeout"` // TCP, TLS and StartTLS together
	BindTimeout    time.Duration `yaml:"bind_timeout"`
	SearchTimeout  time.Duration `yaml:"search_timeout"` // any operation but bind; starts again while an answer keeps coming, ten times at most
	IdleTimeout    time.Duration `yaml:"idle_timeout"`   // an unused connection is closed after this
	// Lifetime is how long any connection is used at most. Some end up to a
	// tenth earlier, so that those dialed together do not end together.
	Lifetime time.Duration `yaml:"lifetime"`
	// Warm is the number of spares: connected, nobody's yet.
	Warm int `yaml:"warm"`
	// MaxConnections limits everything that has a socket, or is about to.
	MaxConnections int           `yaml:"max_connections"`
	MaxPDU         bytesize.Size `yaml:"max_pdu"` // largest message accepted from upstream
}

// Policy says which server gets a new connection.
type Policy string

// The policies.
const (
	PolicyOrdered    Policy = "ordered"     // the first that answers
	PolicyRoundRobin Policy = "round-robin" // those that answer, in turn
)

// ServiceAccount is a user that may search the directory (in JumpCloud: "Enable
// as LDAP Bind DN").
type ServiceAccount struct {
	DN           string `yaml:"dn"`
	PasswordFile string `yaml:"password_file"` // holds the password and nothing else; a final newline does not count
	// Password is what the loader found in PasswordFile or in a variable. It
	// is no key of the file: a configuration is read by more eyes than a
	// password should be.
	Password secret.Password `yaml:"-"`
}

// Complete tells whether the proxy can bind as this account.
func (a *ServiceAccount) Complete() bool { return a.DN != "" && !a.Password.Empty() }

// TLSConfig says how the upstream certificate is verified. Verification cannot
// be switched off.
type TLSConfig struct {
	CA         string `yaml:"ca"`          // PEM file of trusted roots; empty: the system's
	ServerName string `yaml:"server_name"` // name expected in the certificate; empty: the URL's host
	MinVersion string `yaml:"min_version"` // "1.2" or "1.3"
}

// DefaultConfig returns every default of the section; Servers and Base have none.
func DefaultConfig() Config {
	return Config{
		Policy:         PolicyOrdered,
		TLS:            TLSConfig{MinVersion: "1.2"},
		ConnectTimeout: 5 * time.Second,
		BindTimeout:    10 * time.Second,
		SearchTimeout:  60 * time.Second,
		IdleTimeout:    4 * time.Minute,
		Lifetime:       30 * time.Minute,
		Warm:           4,
		MaxConnections: 128,
		MaxPDU:         16 * bytesize.MiB,
	}
}
