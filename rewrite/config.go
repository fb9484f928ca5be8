package rewrite

// Mode says which view of the groups a bridged request is answered from.
type Mode string

// The modes of groups.mode.
const (
	ModeOff   Mode = "off"   // nothing is bridged; forward, limit and show only
	ModePosix Mode = "posix" // groups come from posixGroup entries
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
	// Base is upstream.base: users and groups live directly below it. It is
	// not a key of its own; the loader copies it here.
	Base string `yaml:"-"`
}

// PairConfig names the two entries that JumpCloud publishes for one user group.
type PairConfig struct {
	Legacy string `yaml:"legacy"` // cn of the groupOfNames entry, the name in the JumpCloud console
	Posix  string `yaml:"posix"`  // cn of the posixGroup entry, the Linux group name
	GID    int    `yaml:"gid"`    // Linux group ID; optional, informational in posix mode
}

// DefaultConfig returns the groups section used when the file has none.
func DefaultConfig() Config {
	return Config{Mode: ModePosix, LegacyClass: "groupOfNames"}
}
