package config

import (
	"bytes"
	"reflect"
	"slices"
)

// Changes lists the keys whose values differ, in the order of the types; a list
// is one key. What was read from a file counts for the key that names the file.
func Changes(a, b Config) []string {
	keys := appendChanges(nil, "", reflect.ValueOf(a), reflect.ValueOf(b))
	if !a.Upstream.ServiceAccount.Password.Equal(b.Upstream.ServiceAccount.Password) {
		keys = appendOnce(keys, passwordFileKey)
	}
	if !bytes.Equal(a.Log.PrivacyKey, b.Log.PrivacyKey) {
		keys = appendOnce(keys, "log.privacy_key_file")
	}
	return keys
}

func appendChanges(keys []string, path string, a, b reflect.Value) []string {
	if isSection(a.Type()) {
		for _, f := range fieldsOf(a.Type()) {
			keys = appendChanges(keys, join(path, f.name), a.Field(f.index), b.Field(f.index))
		}
		return keys
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) && !(isList(a.Type()) && a.Len()+b.Len() == 0) {
		keys = append(keys, path)
	}
	return keys
}

func appendOnce(keys []string, key string) []string {
	if slices.Contains(keys, key) {
		return keys
	}
	return append(keys, key)
}
