package config

import (
	"slices"
	"strings"
)

// unavailableKeys are keys of features that are designed but not built. They
// get an answer of their own: "there is no such key" would send people looking
// for a typing mistake, and taking them silently would be a lie.
var unavailableKeys = []string{
	"listeners[].proxy_protocol",
}

const notAvailable = "is not available in this version"

// unavailable reports whether a path (without indexes) belongs to a feature that
// is not built yet.
func unavailable(path string) bool {
	return slices.ContainsFunc(unavailableKeys, func(key string) bool { return below(path, key) })
}

// unavailableVariable is unavailable for the rest of a variable's name.
func unavailableVariable(rest string) bool {
	return slices.ContainsFunc(unavailableKeys, func(key string) bool {
		if strings.Contains(key, "[]") {
			return false
		}
		name := variableName(key)
		return rest == name || strings.HasPrefix(rest, name+"_")
	})
}
