package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func (l *loader) validateLog() {
	c := &l.cfg.Log
	l.oneOf("log.level", c.Level)
	l.oneOf("log.format", c.Format)
	l.oneOf("log.privacy", c.Privacy)
	l.validatePrivacyKey()
	for i, name := range c.MaskedAttributes {
		if !isAttributeName(name) {
			l.mistake(item("log.masked_attributes", i), name, "is not the name of an attribute",
				"write an attribute's name or OID, for example userPassword")
		}
	}
	if !slices.ContainsFunc(c.MaskedAttributes, isAlwaysMasked) {
		c.MaskedAttributes = append(c.MaskedAttributes, alwaysMasked)
	}
}

// minPrivacyKey is how many bytes a key needs that nobody guesses.
const minPrivacyKey = 16

func (l *loader) validatePrivacyKey() {
	const path = "log.privacy_key_file"
	c := &l.cfg.Log
	if c.PrivacyKeyFile == "" {
		return
	}
	c.PrivacyKeyFile = l.absolute(path, c.PrivacyKeyFile)
	key, err := readLimited(c.PrivacyKeyFile)
	try := "`openssl rand -hex 32` makes a good key; put it into the file"
	switch {
	case err != nil:
		l.mistake(path, c.PrivacyKeyFile, readFault(err), "check the name, and that the user that runs the proxy may read it; "+try)
	case len(bytes.TrimSpace(key)) < minPrivacyKey:
		l.mistake(path, c.PrivacyKeyFile, fmt.Sprintf("holds fewer than %d characters", minPrivacyKey), try)
	default:
		c.PrivacyKey = bytes.TrimSpace(key)
	}
}

func isAlwaysMasked(name string) bool { return strings.EqualFold(name, alwaysMasked) }

// attributeName is RFC 4512's oid: a descriptor or a numeric one. The
// underscore is not in the RFC but in directories.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_-]*|[0-9]+(\.[0-9]+)+)$`)

func isAttributeName(name string) bool { return attributeName.MatchString(name) }
