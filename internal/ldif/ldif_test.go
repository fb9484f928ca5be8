package ldif_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldif"
)

func TestRead(t *testing.T) {
	got, err := ldif.Read(strings.NewReader(`version: 1
# a comment
  that goes on
dn:: dWlkPXg=
description:  a long
  value
cn:

dn: cn=y
cn:: w6k=
`))
	want := []ldif.Entry{
		{Line: 4, DN: "uid=x", Attrs: []ldif.Attr{{Line: 5, Name: "description", Value: "a long value"}, {Line: 7, Name: "cn"}}},
		{Line: 9, DN: "cn=y", Attrs: []ldif.Attr{{Line: 10, Name: "cn", Value: "é"}}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
}

func TestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"cn: x\n":                            "line 1: an entry must begin with dn, not cn",
		"dn: a\ncn: x\ndn: b\n":              "line 3: an empty line is missing before dn",
		"dn: a\n\n cn: x\n":                  "line 3: it begins with a space, but continues no line",
		"dn: a\nchangetype: add\n":           "line 2: change records are not supported",
		"dn: a\nphoto:< file:///etc/x\n":     "line 2: value of photo is a URL",
		"dn: a\ncn:: ?\n":                    "line 2: decoding the value of cn",
		"dn: a\nnothing\n":                   "line 2: no attribute name",
		"dn: " + strings.Repeat("a", 17<<20): "reading line 1",
	} {
		if got, err := ldif.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%.40q gives %d entries and error %v, want %q", text, len(got), err, want)
		}
	}
}
