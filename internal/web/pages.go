package web

import (
	_ "embed"
	"io"
	"net/http"

	"jamf-ldap-proxy/internal/lookup"
)

//go:embed index.html
var index []byte

// maxReason bounds the reason on /readyz, in bytes.
const maxReason = 200

func newMux(o Options) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", showIndex)
	mux.HandleFunc("/healthz", showHealth)
	mux.HandleFunc("/readyz", showReadiness(o.Ready))
	if o.Metrics != nil {
		mux.Handle("/metrics", o.Metrics)
	}
	return mux
}

func showIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(index)
}

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
