package rewrite

import "time"

// Mode says which view of the groups a bridged request is answered from.
type Mode string

// The modes of groups.mode.
const (
	ModeOff   Mode = "off"   // nothing is bridged; forward, limit and show only
	ModePosix Mode = "posix" // groups come from posixGroup entries
	ModeMerge Mode = "merge" // groups come from the legacy entries, completed from their Linux groups
)

// Config is the `groups` section of the configuration file.
type Config struct {
	Mode  Mode         `yaml:"mode"`
	Pairs []PairConfig `yaml:"pairs"`
	// LegacyClass is the group class that Jamf is mapped to: groupOfNames
	// (members in `member`) or groupOfUniqueNames (members in `uniqueMember`).
	LegacyClass string `yaml:"legacy_class"`
	// StripSuffixes are cut from user names in membership assertions: what
	// Jamf's "Append to Username When Searching" added.
	StripSuffixes []string `yaml:"strip_suffixes"`
	// Discover finds the pairs that the file does not name.
	Discover DiscoverConfig `yaml:"discover"`
	// StableUUID gives each group an entryUUID made from its DN in the legacy
	// vocabulary (UUIDv5, RFC 4122), the same in every mode and on every
	// server, in place of upstream's.
	StableUUID bool `yaml:"stable_uuid"`
	// Base is upstream.base: users and groups live directly below it. It is
	// not a key of its own; the loader copies it here.
	Base string `yaml:"-"`
}

// DiscoverConfig is the `groups.discover` section: reading the groups with
// upstream.service_account to find out which two entries belong together.
type DiscoverConfig struct {
	Enabled bool          `yaml:"enabled"`
	Every   time.Duration `yaml:"every"`
}

// PairConfig names the two entries that JumpCloud publishes for one user group.
type PairConfig struct {
	Legacy string `yaml:"legacy"` // cn of the groupOfNames entry, the name in the JumpCloud console
	Posix  string `yaml:"posix"`  // cn of the posixGroup entry, the Linux group name
	GID    int    `yaml:"gid"`    // Linux group ID; optional: mode posix sees it anyway, mode merge reads it once
}

// DefaultConfig returns the groups section used when the file has none.
func DefaultConfig() Config {
	return Config{
		Mode: ModePosix, LegacyClass: "groupOfNames",
		Discover: DiscoverConfig{Every: 5 * time.Minute},
	}
}
