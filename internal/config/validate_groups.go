package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func (l *loader) validateGroups() {
	c := &l.cfg.Groups
	l.oneOf("groups.mode", string(c.Mode))
	for _, class := range choices["groups.legacy_class"] {
		if strings.EqualFold(c.LegacyClass, class) {
			c.LegacyClass = class
		}
	}
	l.oneOf("groups.legacy_class", c.LegacyClass)
	for i, suffix := range c.StripSuffixes {
		if strings.TrimSpace(suffix) == "" {
			l.mistake(item("groups.strip_suffixes", i), suffix, "is empty",
				`write what Jamf's "Append to Username When Searching" adds, for example "@example.com", or remove it`)
		}
	}
	l.validatePairs()
	l.validateDiscovery()
}

// minDiscoverEvery keeps a small number from becoming a load: each discovery
// reads every group of the organisation.
const minDiscoverEvery = 10 * time.Second

func (l *loader) validateDiscovery() {
	c := l.cfg.Groups.Discover
	if c.Every < minDiscoverEvery {
		l.mistake("groups.discover.every", shortDuration(c.Every),
			"must be at least "+shortDuration(minDiscoverEvery)+", because every group is read each time",
			"write a longer time; the default is 5m")
	}
	account := &l.cfg.Upstream.ServiceAccount
	if !c.Enabled || account.Complete() {
		return
	}
	const otherwise = ", or set groups.discover.enabled: false"
	switch {
	case account.DN == "":
		l.missing("upstream.service_account.dn",
			"groups.discover reads the groups as this user: write uid=NAME,"+l.exampleBase()+otherwise)
	case account.PasswordFile == "":
		l.missing(passwordFileKey,
			"name a file that holds the password, or set the variable "+PasswordVariable+otherwise)
	}
}

func (l *loader) validatePairs() {
	legacy, posix, gids := map[string]int{}, map[string]int{}, map[string]int{}
	for i, pair := range l.cfg.Groups.Pairs {
		path := item("groups.pairs", i)
		l.validatePairName(join(path, "legacy"), pair.Legacy, i, legacy, "the name of the group in the JumpCloud console")
		l.validatePairName(join(path, "posix"), pair.Posix, i, posix, "the Linux group name")
		l.validateGID(join(path, "gid"), pair.GID, i, gids)
	}
}

func (l *loader) validatePairName(path, name string, i int, seen map[string]int, meaning string) {
	folded := foldName(name)
	if folded == "" {
		l.missing(path, "write "+meaning+"; a pair needs both names")
		return
	}
	if first, twice := seen[folded]; twice {
		l.mistake(path, name, fmt.Sprintf("%s is used by two pairs, first by groups.pairs[%d]", quoted(hideSecrets(path, name)), first),
			"give each pair its own; here belongs "+meaning+" (capitals and spaces do not make a difference)")
		return
	}
	if !l.isBad(path) {
		seen[folded] = i
	}
}

// foldName makes names equal that a directory takes for the same cn (matching
// rule caseIgnoreMatch: case and repeated spaces do not count).
func foldName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

func (l *loader) validateGID(path string, gid, i int, seen map[string]int) {
	text := strconv.Itoa(gid)
	switch first, twice := seen[text]; {
	case gid == 0: // not given
	case gid < 0:
		l.mistake(path, text, "must not be negative", "write the Linux group ID of the group, or remove gid")
	case twice:
		l.mistake(path, text, fmt.Sprintf("%s is used by two pairs, first by groups.pairs[%d]", text, first),
			"give each pair the Linux group ID of its own group, or remove gid")
	default:
		seen[text] = i
	}
}
