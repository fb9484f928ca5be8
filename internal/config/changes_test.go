package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/secret"
)

// TestChangesSeeEveryKey: whatever differs is told, by the name that it has in the
// file.
func TestChangesSeeEveryKey(t *testing.T) {
	for _, key := range config.Keys() {
		list, _, isItem := strings.Cut(key, "[]")
		other := config.Default()
		change(t, reflect.ValueOf(&other).Elem(), strings.Split(list, "."), isItem)
		if got := config.Changes(config.Default(), other); !slices.Equal(got, []string{list}) {
			t.Errorf("%s has changed, got %v", list, got)
		}
	}
	if got := config.Changes(config.Default(), config.Default()); len(got) > 0 {
		t.Errorf("nothing has changed, got %v", got)
	}
}

// change gives the value at a path another one.
func change(t *testing.T, v reflect.Value, path []string, isItem bool) {
	t.Helper()
	for _, name := range path {
		for i := range v.NumField() {
			if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); tag == name {
				v = v.Field(i)
				break
			}
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	default:
		t.Fatalf("%v: %s cannot be changed (item: %v)", path, v.Kind(), isItem)
	}
}

// TestChangesSeeWhatFilesHold: a password that changed in its file is a change, and is
// not told.
func TestChangesSeeWhatFilesHold(t *testing.T) {
	a, b := config.Default(), config.Default()
	a.Upstream.ServiceAccount.Password, b.Upstream.ServiceAccount.Password = secret.New([]byte("one")), secret.New([]byte("other"))
	a.Log.PrivacyKey, b.Log.PrivacyKey = []byte("a"), []byte("b")
	want := []string{"upstream.service_account.password_file", "log.privacy_key_file"}
	if got := config.Changes(a, b); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
