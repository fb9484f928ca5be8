package directory

import (
	"bytes"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestGenerate(t *testing.T) {
	var a, b bytes.Buffer
	Generate(&a, 600, 40, 500)
	Generate(&b, 600, 40, 500)
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two runs differ")
	}
	conn := bound(t, start(t, Config{LDIF: &a}).Addr(), adminDN)
	sizes := make(map[int]bool)
	legacy := search(t, conn, "(objectClass=groupOfNames)")
	for _, e := range legacy.Entries {
		sizes[len(e.GetAttributeValues("member"))] = true
	}
	posix := search(t, conn, "(objectClass=posixGroup)")
	if len(legacy.Entries) != 40 || len(posix.Entries) != 40 {
		t.Errorf("got %d and %d groups, want 40 pairs", len(legacy.Entries), len(posix.Entries))
	}
	if !sizes[500] || len(sizes) < 10 {
		t.Errorf("group sizes: got %v", sizes)
	}
	first, twin := legacy.Entries[0], posix.Entries[0]
	if twin.GetAttributeValue("gidNumber") != "7001" || twin.GetAttributeValue("cn") == first.GetAttributeValue("cn") {
		t.Errorf("the first pair is %q, %q with gid %q", first.DN, twin.DN, twin.GetAttributeValue("gidNumber"))
	}
	if got := search(t, conn, "(memberOf="+goldap.EscapeFilter(first.DN)+")"); len(got.Entries) != 500 {
		t.Errorf("%d users say that they are in the first group, want 500", len(got.Entries))
	}
	wantCode(t, conn.Bind("uid=user00001,"+SampleBase, SamplePassword), 0, "")
}

func TestGenerateSmall(t *testing.T) {
	for _, n := range [][3]int{{0, 5, 5}, {1, 3, 500}, {5, 2, 0}, {10, 0, 10}} {
		var ldif bytes.Buffer
		Generate(&ldif, n[0], n[1], n[2])
		if _, err := loadTree(&ldif); err != nil {
			t.Errorf("%v: %v", n, err)
		}
	}
}

func search(t *testing.T, conn *goldap.Conn, filter string) *goldap.SearchResult {
	t.Helper()
	res, err := conn.Search(request(filter))
	if err != nil {
		t.Fatal(err)
	}
	return res
}
