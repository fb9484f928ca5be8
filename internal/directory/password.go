package directory

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

const sshaPrefix = "{SSHA}"

// checkPassword compares a password with a stored userPassword value: salted
// SHA-1, or plain text when the value names no scheme. Any other scheme never
// matches.
func checkPassword(stored, password string) bool {
	encoded, hashed := strings.CutPrefix(stored, sshaPrefix)
	if !hashed {
		plain := !strings.HasPrefix(stored, "{")
		return plain && subtle.ConstantTimeCompare([]byte(stored), []byte(password)) == 1
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) < sha1.Size {
		return false
	}
	sum := sha1.Sum(append([]byte(password), raw[sha1.Size:]...))
	return subtle.ConstantTimeCompare(sum[:], raw[:sha1.Size]) == 1
}

// hashPassword returns the {SSHA} form of a password.
func hashPassword(password, salt string) string {
	sum := sha1.Sum([]byte(password + salt))
	return sshaPrefix + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}
