// Package secret holds passwords in a form that cannot be printed by accident:
// whatever formats, logs or encodes one writes [secret].
package secret

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Password is a password in memory. The zero value is the empty password.
// Copies of a Password share its bytes: wiping one wipes all; Clone makes an
// independent one. Reading may be concurrent, wiping must not overlap with it.
type Password struct {
	// The bytes hide behind a function because that is the one kind of value
	// no printer, dumper or encoder looks into. Methods alone would not do:
	// fmt does not call them on an unexported field of somebody's struct. It
	// also makes == on passwords a compile error; see Equal.
	bytes func() []byte
}

// New returns a Password that holds a copy of b.
func New(b []byte) Password {
	if len(b) == 0 {
		return Password{}
	}
	held := bytes.Clone(b)
	return Password{bytes: func() []byte { return held }}
}

// Reveal is the one door to the bytes. Use them at once, to put them on the
// wire or into a hash; neither keep nor change them.
func (p Password) Reveal() []byte {
	if p.bytes == nil {
		return nil
	}
	return p.bytes()
}

// Wipe overwrites the bytes with zeros, in every copy of p. The length stays,
// so that a wiped password does not turn into the empty one, which LDAP
// servers take for an unauthenticated bind (RFC 4513 section 5.1.2).
func (p Password) Wipe() { clear(p.Reveal()) }

// Empty tells whether the password has no bytes.
func (p Password) Empty() bool { return len(p.Reveal()) == 0 }

// Equal compares in a time that depends on the lengths only.
func (p Password) Equal(q Password) bool {
	return subtle.ConstantTimeCompare(p.Reveal(), q.Reveal()) == 1
}

// Clone returns an independent copy.
func (p Password) Clone() Password { return New(p.Reveal()) }

// String returns [secret], as do all the methods below: one for each way in
// which fmt, encoding and the loggers ask a value for its text.
func (Password) String() string { return redacted }

// GoString covers %#v for callers of the interface; fmt itself uses Format.
func (Password) GoString() string { return redacted }

// Format covers every verb and flag, %x and %q too.
func (Password) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText covers encoding/json map keys, YAML, XML and flags.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON covers encoding/json and with it zap.Any and zap.Reflect.
func (Password) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue covers log/slog.
func (Password) LogValue() slog.Value { return slog.StringValue(redacted) }
