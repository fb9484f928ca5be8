package web

import (
	"io"
	"net/http"

	"jamf-ldap-proxy/internal/lookup"
)

// maxReason bounds the reason on /readyz, in bytes.
const maxReason = 200

// showHealth says that the process lives and answers; nothing else is checked, so
// that a supervisor does not restart the proxy because the directory is down.
func showHealth(w http.ResponseWriter, _ *http.Request) {
	showText(w, http.StatusOK, "ok")
}

func showReadiness(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if ready != nil {
			if err := ready(); err != nil {
				showText(w, http.StatusServiceUnavailable, lookup.Clip(err.Error(), maxReason))
				return
			}
		}
		showText(w, http.StatusOK, "ready")
	}
}

func showText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
