package directory

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

func TestSearchScopes(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	const org = "o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	tests := []struct {
		base  string
		scope int
		count int
	}{
		{SampleBase, goldap.ScopeBaseObject, 1},
		{SampleBase, goldap.ScopeSingleLevel, 23},
		{SampleBase, goldap.ScopeWholeSubtree, 24},
		{org, goldap.ScopeSingleLevel, 1},
		{org, goldap.ScopeWholeSubtree, 25},
		{"dc=jumpcloud,dc=com", goldap.ScopeWholeSubtree, 26},
		{personDN, goldap.ScopeSingleLevel, 0},
		{"OU=users, O=5F0E1D2C3B4A59687766554A, DC=JumpCloud, DC=com", goldap.ScopeWholeSubtree, 24},
		{`cn=Night's Watch \28Wall\29,` + SampleBase, goldap.ScopeBaseObject, 1},
	}
	for _, tt := range tests {
		req := request("(objectClass=*)", "1.1")
		req.BaseDN, req.Scope = tt.base, tt.scope
		res, err := conn.Search(req)
		if err != nil {
			t.Fatalf("%s scope %d: %v", tt.base, tt.scope, err)
		}
		if len(res.Entries) != tt.count {
			t.Errorf("%s scope %d: got %d entries, want %d", tt.base, tt.scope, len(res.Entries), tt.count)
		}
	}
}

func TestSearchWrongBase(t *testing.T) {
	d := start(t, Config{})
	tests := []struct {
		who, base string
		code      uint16
		matched   string
	}{
		{adminDN, "cn=a,uid=nobody," + SampleBase, 32, SampleBase},
		{adminDN, "cn=a,CN=got," + SampleBase, 32, "cn=got," + SampleBase},
		{adminDN, "dc=example,dc=com", 32, ""},
		{adminDN, "", 32, ""}, // the root DSE has no subtree
		{adminDN, "foo=bar", 34, ""},
		{adminDN, "no dn", 34, ""},
		{personDN, "cn=a,uid=nobody," + SampleBase, 32, ""},
		{personDN, personDN, 32, ""},
		{"", SampleBase, 50, ""},
		{"", "cn=a,uid=nobody," + SampleBase, 32, SampleBase},
		{"", "dc=example,dc=com", 32, ""},
		{"", "foo=bar", 34, ""},
	}
	for _, tt := range tests {
		conn := dial(t, d.Addr())
		if tt.who != "" {
			conn = bound(t, d.Addr(), tt.who)
		}
		req := request("(objectClass=*)")
		req.BaseDN = tt.base
		_, err := conn.Search(req)
		wantCode(t, err, tt.code, "")
		var e *goldap.Error
		if errors.As(err, &e) && e.MatchedDN != tt.matched {
			t.Errorf("%s as %s: matched %q, want %q", tt.base, tt.who, e.MatchedDN, tt.matched)
		}
	}
}

func TestSearchReadsTheRootDSEWithoutBind(t *testing.T) {
	conn := dial(t, start(t, Config{}).Addr())
	req := request("(objectClass=*)", "+")
	req.BaseDN, req.Scope = "", goldap.ScopeBaseObject
	res, err := conn.Search(req)
	if err != nil {
		t.Fatal(err)
	}
	e := res.Entries[0]
	if got := e.GetAttributeValue("namingContexts"); got != "dc=jumpcloud,dc=com" {
		t.Errorf("namingContexts: got %q", got)
	}
	if slices.Contains(e.GetAttributeValues("supportedExtension"), oidStartTLS) {
		t.Error("StartTLS is announced without TLS")
	}
	req.BaseDN = subschemaDN
	res, err = conn.Search(req)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Entries[0].GetAttributeValues("attributeTypes")) < 50 {
		t.Error("the subschema entry describes too little")
	}
}

func TestSearchAttributes(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	group := []string{"cn", "description", "member", "objectClass", "ou"}
	operational := []string{
		"createTimestamp", "entryDN", "entryUUID", "hasSubordinates", "modifyTimestamp",
		"structuralObjectClass", "subschemaSubentry",
	}
	tests := []struct {
		requested, want []string
	}{
		{nil, group},
		{[]string{"*"}, group},
		{[]string{"+"}, operational},
		{[]string{"*", "entryUUID"}, []string{"cn", "description", "entryUUID", "member", "objectClass", "ou"}},
		{[]string{"1.1"}, nil},
		{[]string{"1.1", "cn"}, []string{"cn"}},
		{[]string{"CN", "MEMBER", "nosuch", "gidNumber"}, []string{"cn", "member"}},
		{[]string{"2.5.4.3", "2.5.4.31", "2.5.4.0", "2.5.4.11"}, []string{"cn", "member", "objectClass", "ou"}},
		{[]string{"name"}, []string{"cn", "ou"}},
		{[]string{"member;x"}, nil},
		{[]string{"cn;lang-de"}, nil},
	}
	for _, tt := range tests {
		res, err := conn.Search(request("(cn=gameOfThrones)", tt.requested...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, attrNames(res.Entries[0])); diff != "" {
			t.Errorf("requested %q (-want +got):\n%s", tt.requested, diff)
		}
	}
}

func TestSearchTypesOnly(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	req := request("(cn=got)", "cn", "memberUid")
	req.TypesOnly = true
	res, err := conn.Search(req)
	if err != nil {
		t.Fatal(err)
	}
	e := res.Entries[0]
	if diff := cmp.Diff([]string{"cn", "memberUid"}, attrNames(e)); diff != "" {
		t.Error(diff)
	}
	if len(e.GetAttributeValues("memberUid")) != 0 {
		t.Error("values in a typesOnly search")
	}
}

func TestSearchShowsPasswordsToTheirOwnersOnly(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	res, err := conn.Search(request("(uid=*)", "userPassword"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range res.Entries {
		shown := e.GetAttributeValue("userPassword") != ""
		if shown != (e.DN == adminDN) {
			t.Errorf("%s: password shown: %v", e.DN, shown)
		}
	}
}

func TestSearchOrderOfAttributesVaries(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	res, err := conn.Search(request("(uid=*)", "uid", "cn", "sn", "mail"))
	if err != nil {
		t.Fatal(err)
	}
	orders := make(map[string]bool)
	for _, e := range res.Entries {
		var order []string
		for _, a := range e.Attributes {
			order = append(order, a.Name)
		}
		orders[strings.Join(order, " ")] = true
	}
	if len(orders) < 3 {
		t.Errorf("only the orders %v", orders)
	}
}

func TestSearchSizeLimits(t *testing.T) {
	free, limited := start(t, Config{}), start(t, Config{SizeLimit: 5})
	tests := []struct {
		d           *Directory
		limit, want int
		code        uint16
	}{
		{free, 6, 6, 4},
		{free, 24, 24, 0},
		{limited, 0, 5, 4},
		{limited, 3, 3, 4},
		{limited, 7, 5, 4},
	}
	for _, tt := range tests {
		req := request("(objectClass=*)", "1.1")
		req.SizeLimit = tt.limit
		res, err := bound(t, tt.d.Addr(), adminDN).Search(req)
		wantCode(t, err, tt.code, "")
		if len(res.Entries) != tt.want {
			t.Errorf("limit %d: got %d entries, want %d", tt.limit, len(res.Entries), tt.want)
		}
	}
}

func TestSearchPages(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	for _, size := range []uint32{1, 2, 3, 10, 24, 100} {
		res, err := conn.SearchWithPaging(request("(objectClass=*)", "1.1"), size)
		if err != nil {
			t.Fatal(err)
		}
		list := names(res)
		slices.Sort(list)
		if len(slices.Compact(list)) != 24 {
			t.Errorf("pages of %d: got %d different entries, want 24", size, len(list))
		}
	}
}

// page runs one page of a search and returns the control of the answer.
func searchPage(t *testing.T, conn *goldap.Conn, req *goldap.SearchRequest, size uint32, cookie []byte) (*goldap.SearchResult, *goldap.ControlPaging, error) {
	t.Helper()
	control := goldap.NewControlPaging(size)
	control.SetCookie(cookie)
	req.Controls = []goldap.Control{control}
	res, err := conn.Search(req)
	if res == nil {
		return nil, nil, err
	}
	answer, _ := goldap.FindControl(res.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
	return res, answer, err
}

func TestSearchPageCookies(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	req := request("(objectClass=*)", "1.1")

	_, first, err := searchPage(t, conn, req, 5, nil)
	if err != nil || len(first.Cookie) == 0 {
		t.Fatalf("first page: %v, %v", first, err)
	}
	_, err = conn.Search(request("(uid=jon.snow)")) // other work between pages
	wantCode(t, err, 0, "")
	_, _, err = searchPage(t, conn, req, 5, []byte("bogus"))
	wantCode(t, err, 2, "paged results cookie is invalid")
	_, _, err = searchPage(t, conn, req, 5, make([]byte, cookieSize))
	wantCode(t, err, 53, "paged results cookie is invalid or old")

	res, last, err := searchPage(t, conn, req, 0, first.Cookie)
	if err != nil || len(res.Entries) != 0 || last != nil {
		t.Fatalf("ending the cursor: %v, %v", last, err)
	}
	_, _, err = searchPage(t, conn, req, 5, first.Cookie)
	wantCode(t, err, 53, "paged results cookie is invalid or old")
}

func TestSearchSizeLimitCountsAllPages(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	req := request("(objectClass=*)", "1.1")
	req.SizeLimit = 5
	res, first, err := searchPage(t, conn, req, 3, nil)
	if err != nil || len(res.Entries) != 3 {
		t.Fatalf("first page: %v", err)
	}
	res, _, err = searchPage(t, conn, req, 3, first.Cookie)
	wantCode(t, err, 4, "")
	if len(res.Entries) != 2 {
		t.Errorf("got %d entries on the second page, want 2", len(res.Entries))
	}
}

func TestSearchControls(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	tests := []struct {
		oid      string
		critical bool
		code     uint16
	}{
		{"1.2.3.4", false, 0},
		{"1.2.3.4", true, 12},
		{"1.2.840.113556.1.4.417", false, 0},
		{oidManageDsaIT, true, 0},
	}
	for _, tt := range tests {
		req := request("(cn=got)")
		req.Controls = []goldap.Control{goldap.NewControlString(tt.oid, tt.critical, "")}
		_, err := conn.Search(req)
		wantCode(t, err, tt.code, "")
	}
}

func TestSearchesRunConcurrently(t *testing.T) {
	conn := bound(t, start(t, Config{}).Addr(), adminDN)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				res, err := conn.Search(request("(objectClass=groupOfNames)"))
				if err != nil || len(res.Entries) != 7 {
					t.Errorf("got %v, %v", res, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestSearchEntryUUIDIsStable(t *testing.T) {
	var ids []string
	for range 2 {
		conn := bound(t, start(t, Config{}).Addr(), adminDN)
		res, err := conn.Search(request("(cn=gameOfThrones)", "entryUUID"))
		if err != nil {
			t.Fatal(err)
		}
		id := res.Entries[0].GetAttributeValue("entryUUID")
		ids = append(ids, id)
		res, err = conn.Search(request("(entryUUID=" + strings.ToUpper(id) + ")"))
		if err != nil || len(res.Entries) != 1 {
			t.Errorf("searching by entryUUID: %v, %v", res, err)
		}
	}
	if ids[0] != ids[1] || len(ids[0]) != 36 {
		t.Errorf("got %q", ids)
	}
}
