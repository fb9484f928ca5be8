package web

import "net/http"

// Reload changes what may change while the server runs: what every page says of
// the proxy, and who may read. Streams that are open go on.
func (s *Server) Reload(site Site, auth *Auth) {
	s.nowSite.Store(&site)
	s.nowAuth.Store(auth)
}

func (s *Server) site() *Site { return s.nowSite.Load() }

// authorized asks those who may read, as they are at the time of the request.
func (s *Server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.nowAuth.Load().required(next, s.report).ServeHTTP(w, r)
	})
}
