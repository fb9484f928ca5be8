package web

import (
	"net/http"
	"time"
)

// Bounds that tests hold the server to.
const (
	MaxStreams     = maxStreams
	StreamBuffer   = streamBuffer
	MaxTries       = maxTries
	MaxConns       = maxConns
	MaxDiff        = maxDiff
	BarWidth       = barWidth
	LongestSearch  = longestSearch
	SecretFileLook = secretFileLook
	RememberRight  = rememberRight
	MaxRemembered  = maxRemembered
	MaxBodyBytes   = maxBodyBytes
	Policy         = contentSecurityPolicy
)

// SetClock moves the time of passwords that are remembered, and of files that are
// looked at.
func (a *Auth) SetClock(now func() time.Time) { a.now = now }

// SetWait changes how long a password waits for those before it.
func (a *Auth) SetWait(d time.Duration) { a.wait = d }

// Compare takes the one place in which a password is compared, until it is given
// back.
func (a *Auth) Compare() (release func()) {
	a.comparing <- struct{}{}
	return func() { <-a.comparing }
}

// Remembered is how many right passwords are known.
func (a *Auth) Remembered() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.known)
}

// Required is the check that stands before every page.
func (a *Auth) Required(next http.Handler, report func(error)) http.Handler {
	return a.required(next, report)
}

// SetStream changes how long a stream is silent, and how long one write of it may
// take. It must be called before Serve.
func (s *Server) SetStream(silence, stuck time.Duration) { s.silence, s.stuck = silence, stuck }

// OpenConns is how many clients are connected.
func (s *Server) OpenConns() int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	return s.conns.open
}

// TakeTries takes every place of a question, until they are given back.
func (s *Server) TakeTries() (release func()) {
	for range maxTries {
		s.tries <- struct{}{}
	}
	return func() {
		for range maxTries {
			<-s.tries
		}
	}
}

// TryRequest is what somebody types into Try, but for the password.
type TryRequest = tryRequest

// DiffLine is a line of [Diff].
type DiffLine = diffLine

var (
	FilterLines = filterLines
	Diff        = diff
	Bare        = bare
	ShellQuoted = shellQuoted
	Duration    = duration
	Ago         = ago
	Share       = share
	BytesWord   = bytesWord
	DaysUntil   = daysUntil
	Spark       = spark
)

// Handler is what answers, with every check that stands before the pages.
func (s *Server) Handler() http.Handler { return s.http.Handler }
