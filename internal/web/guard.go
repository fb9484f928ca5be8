package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// contentSecurityPolicy lets the pages use what comes from this address, and
// nothing else: no inline script or style, no other host.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// hardened sets the headers that keep a browser from doing more with an answer
// than showing it.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// onlyReading refuses every method but GET and HEAD, except where something is
// tried.
func (s *Server) onlyReading(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := "GET, HEAD"
		switch r.URL.Path {
		case "/try":
			allowed = "GET, HEAD, POST"
		case "/api/try":
			allowed = "POST"
		}
		for method := range strings.SplitSeq(allowed, ", ") {
			if r.Method == method {
				r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
				next.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("Allow", allowed)
		showText(w, http.StatusMethodNotAllowed, "only "+strings.ReplaceAll(allowed, ", ", " and ")+" can be done here")
	})
}

// onlyHosts protects a loopback listener from DNS rebinding: a page whose name was
// made to resolve to 127.0.0.1 would otherwise read the answers in the visitor's
// browser. Such a request carries the page's name as its Host. Clients without a
// Host header (HTTP/1.0 health checks) are no browsers and may pass.
func onlyHosts(configured string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host := hostOnly(r.Host); host {
		case "", "localhost", "127.0.0.1", "::1", hostOnly(configured):
			next.ServeHTTP(w, r)
		default:
			showText(w, http.StatusMisdirectedRequest,
				"this address answers to localhost and to the host of web.address only")
		}
	})
}

// hostOnly returns the host of a Host header in lower case, without port, without
// the brackets of an IPv6 address and without the root's dot.
func hostOnly(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// isLoopback reports whether only this machine can reach addr. Sockets of the file
// system count too.
func isLoopback(addr net.Addr) bool {
	if addr.Network() == "unix" {
		return true
	}
	parsed, err := netip.ParseAddrPort(addr.String())
	return err == nil && parsed.Addr().Unmap().IsLoopback()
}
