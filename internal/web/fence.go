package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// fence ends one request when serving it panics, and the connection with it. The
// log gets the type of what was thrown, where net/http would write its value:
// that may quote what somebody has typed.
func (s *Server) fence(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler {
				s.report(fmt.Errorf("panic of type %T while serving %s\n%s", p, r.URL.Path, debug.Stack()))
				if s.Panicked != nil {
					s.Panicked()
				}
			}
			panic(http.ErrAbortHandler) // net/http closes the connection, and says nothing
		}()
		next.ServeHTTP(w, r)
	})
}
