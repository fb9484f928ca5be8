package ldif_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jamf-ldap-proxy/internal/ldif"
)

// FuzzRead: what was read, written in the plainest form, reads the same; lines are
// counted upwards; and nothing is made up.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"version: 1\n# comment\n continued\ndn: uid=x,ou=Users\nobjectClass: top\nuid: x\n",
		"dn:: dWlkPXg=\r\ndescription: long\r\n  value\r\n\r\ndn: cn=y\r\n", "dn: a\n\n\n\ndn: b\ncn:\ncn: \ncn::\n",
		"dn: a\ncn: x\n\n \ndn: b", "dn: a\nchangetype: add\n", "dn: a\njpegPhoto:< file:///x\n", "dn: a\ncn:: ??\n", "cn: x\n", ":x", " dn: a", "\x00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ldif.Read(strings.NewReader(text))
		if err != nil {
			if entries != nil {
				t.Fatalf("%d entries beside the error %v", len(entries), err)
			}
			return
		}
		var plain strings.Builder
		line, size := 0, 0
		for _, e := range entries {
			line = ascending(t, line, e.Line)
			size += len(e.DN)
			fmt.Fprintf(&plain, "dn:: %s\n", base64.StdEncoding.EncodeToString([]byte(e.DN)))
			for _, a := range e.Attrs {
				line = ascending(t, line, a.Line)
				size += len(a.Name) + len(a.Value)
				fmt.Fprintf(&plain, "%s:: %s\n", a.Name, base64.StdEncoding.EncodeToString([]byte(a.Value)))
			}
			plain.WriteString("\n")
		}
		if line > strings.Count(text, "\n")+1 || size > len(text) {
			t.Errorf("%d lines and %d bytes in %q", line, size, text)
		}
		again, err := ldif.Read(strings.NewReader(plain.String()))
		if diff := cmp.Diff(entries, again, cmpopts.IgnoreFields(ldif.Entry{}, "Line"), cmpopts.IgnoreFields(ldif.Attr{}, "Line")); err != nil || diff != "" {
			t.Fatalf("%q, written as %q: error %v\n%s", text, plain.String(), err, diff)
		}
	})
}

func ascending(t *testing.T, before, line int) int {
	t.Helper()
	if line <= before {
		t.Errorf("line %d behind line %d", line, before)
	}
	return line
}
