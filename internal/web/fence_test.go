package web_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"jamf-ldap-proxy/internal/web"
)

// A page that panics costs its request only, is counted, and does not write into
// the log what was typed.
func TestPanicCostsOneRequest(t *testing.T) {
	const typed = "typed by somebody"
	var (
		written bytes.Buffer // read after the server has answered again
		counted atomic.Int32
	)
	o := full(t)
	o.ErrorLog = log.New(&written, "", 0)
	o.Panicked = func() { counted.Add(1) }
	o.Health = func() web.Health { panic(typed) }
	f := start(t, o)
	if answer, err := f.client.Get(f.url + "/health"); err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		t.Errorf("the page that panics answers %s, %v", answer.Status, err)
	}
	f.page("/shapes", http.StatusOK)
	if counted.Load() != 1 {
		t.Errorf("%d panics counted, want 1", counted.Load())
	}
	text := written.String()
	if !strings.Contains(text, "panic of type string while serving /health") || strings.Contains(text, typed) {
		t.Errorf("the log says %q", text)
	}
}
