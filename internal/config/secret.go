package config

import (
	"regexp"
	"strings"
)

// No key of the file holds a secret, but files in the field do: a password
// under a key that we do not know, in a URL, a private key pasted where its
// file name belongs. A message about such a line must not carry it into a log.

const hidden = "(hidden)"

var (
	secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|credential|bind_?pw`)
	// secretKey finds `password:` as a key, also inside a flow mapping.
	secretKey  = regexp.MustCompile(`(?i)[\w.-]*(?:passw|passphrase|secret|token|credential|bind_?pw)[\w.-]*["']?\s*:(?:\s|$)`)
	userInfo   = regexp.MustCompile(`://\S*@`)
	pemKey     = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)
	pemKeyTail = "-----END"
)

// isSecretName reports whether a value under this name must not be shown.
// A name that ends in _file names a file, which may be shown.
func isSecretName(name string) bool {
	return secretName.MatchString(name) && !strings.HasSuffix(strings.ToLower(name), "_file")
}

// hideSecrets returns the value as it may be printed for the key at path.
func hideSecrets(path, value string) string {
	last := path[len(parent(path)):]
	switch {
	case isSecretName(last), pemKey.MatchString(value):
		return hidden
	}
	return hideUserInfo(value)
}

func hideUserInfo(text string) string {
	return userInfo.ReplaceAllString(text, "://"+hidden+"@")
}

// maskLines hides secrets in the lines of a file. It hides too much rather than
// too little: everything after a secret's key, and every deeper line below it.
func maskLines(lines []string) []string {
	masked := make([]string, len(lines))
	belowSecret, insidePEM := -1, false // indent of the secret's key; -1 outside
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		blank := indent == len(line)
		if belowSecret >= 0 && !blank && indent <= belowSecret {
			belowSecret = -1
		}
		switch {
		case insidePEM:
			insidePEM = !strings.Contains(line, pemKeyTail)
			masked[i] = line[:indent] + hidden
			continue
		case belowSecret >= 0 && !blank:
			masked[i] = line[:indent] + hidden
			continue
		}
		masked[i] = hideUserInfo(line)
		if at := pemKey.FindStringIndex(line); at != nil {
			insidePEM = !strings.Contains(line[at[1]:], pemKeyTail)
			masked[i] = line[:at[0]] + hidden
		}
		if end, found := secretValueStart(masked[i]); found {
			belowSecret = indent
			if strings.TrimSpace(masked[i][end:]) != "" {
				masked[i] = masked[i][:end] + hidden
			}
		}
	}
	return masked
}

// secretValueStart finds the first secret's key of a line and returns where its
// value begins.
func secretValueStart(line string) (int, bool) {
	for _, at := range secretKey.FindAllStringIndex(line, -1) {
		name := strings.TrimRight(line[at[0]:at[1]], ": \t\"'")
		if isSecretName(name) {
			return at[1], true
		}
	}
	return 0, false
}
