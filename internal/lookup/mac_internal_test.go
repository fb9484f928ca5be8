package lookup

import (
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
)

func TestMacRemembersLittle(t *testing.T) {
	m := &mac{Hash: hmac.New(sha256.New, []byte("key")), known: make(map[string]string)}
	first := m.value("jon")
	for i := range 10 * knownValues {
		m.value(strconv.Itoa(i))
		m.value(strings.Repeat("long", 1000) + strconv.Itoa(i))
		if len(m.known) > knownValues {
			t.Fatalf("%d values are remembered, want at most %d", len(m.known), knownValues)
		}
	}
	for value := range m.known {
		if len(value) > knownLength {
			t.Errorf("a value of %d bytes is remembered", len(value))
		}
	}
	if again := m.value("jon"); again != first {
		t.Errorf("a forgotten value became %s, was %s", again, first)
	}
}
