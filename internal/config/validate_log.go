package config

import (
	"regexp"
	"slices"
	"strings"
)

func (l *loader) validateLog() {
	c := &l.cfg.Log
	l.oneOf("log.level", c.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Format, "auto", "json", "console")
	l.oneOf("log.privacy", c.Privacy, "plain", "hash")
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

func isAlwaysMasked(name string) bool { return strings.EqualFold(name, alwaysMasked) }

// attributeName is RFC 4512's oid: a descriptor or a numeric one. The
// underscore is not in the RFC but in directories.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_-]*|[0-9]+(\.[0-9]+)+)$`)

func isAttributeName(name string) bool { return attributeName.MatchString(name) }
