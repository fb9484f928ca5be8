package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/web"
)

// TestReload: who may read, and what is said of the proxy, changes with the next request.
func TestReload(t *testing.T) {
	f := start(t, web.Options{Site: site})
	if answer, _ := f.do(f.request("GET", "/explain", "")); answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("t", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, err := web.NewAuth("", token)
	if err != nil {
		t.Fatal(err)
	}
	other := site
	other.Base = "ou=Users,o=other"
	f.server.Reload(other, auth)
	if answer, _ := f.do(f.request("GET", "/explain", "")); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a token: %s", answer.Status)
	}
	f.server.Reload(other, nil)
	if _, body := f.do(f.request("GET", "/explain", "")); !strings.Contains(body, other.Base) {
		t.Error("the page does not show the base of now")
	}
}
