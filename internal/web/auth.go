package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Auth says who may read: users with a password, of a file as `htpasswd -B`
// writes it, or whoever sends a token, for programs. Both files are read again
// when they change.
//
// What is protected are the names and questions of an organisation. A password
// is compared with bcrypt, one at a time, so that guessing costs the proxy one
// core at most; one that was right is remembered for a few minutes as a keyed
// hash, and so its owner does not wait behind those who guess.
type Auth struct {
	users *watched[*users]            // nil without users
	token *watched[[sha256.Size]byte] // nil without a token
	now   func() time.Time

	comparing chan struct{} // one bcrypt at a time
	wait      time.Duration // longestLogin
	key       [sha256.Size]byte

	mu    sync.Mutex
	known map[[sha256.Size]byte]time.Time // right credentials, until when
}

const (
	rememberRight = 5 * time.Minute
	maxRemembered = 100
	longestLogin  = 5 * time.Second // that a password waits for those before it
)

// NewAuth reads the files; either name may be empty, not both. An error names the
// key of the configuration.
func NewAuth(usersFile, tokenFile string) (*Auth, error) {
	a := &Auth{
		now: time.Now, comparing: make(chan struct{}, 1), wait: longestLogin, known: make(map[[sha256.Size]byte]time.Time),
	}
	rand.Read(a.key[:]) // never fails, says crypto/rand
	if usersFile != "" {
		a.users = &watched[*users]{name: usersFile, parse: parseUsers}
		if _, _, err := a.users.get(a.now()); err != nil {
			return nil, fmt.Errorf("reading web.users_file: %w", err)
		}
	}
	if tokenFile != "" {
		a.token = &watched[[sha256.Size]byte]{name: tokenFile, parse: parseToken}
		if _, _, err := a.token.get(a.now()); err != nil {
			return nil, fmt.Errorf("reading web.token_file: %w", err)
		}
	}
	return a, nil
}

// required lets requests pass that say who they are. Probes of supervisors pass
// without: they tell nothing. A nil Auth lets everything pass. report is told when
// a file cannot be read any more.
func (a *Auth) required(next http.Handler, report func(error)) http.Handler {
	if a == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		switch err := a.admits(r, report); {
		case err == nil:
			next.ServeHTTP(w, r)
		case errors.Is(err, errCrowded):
			w.Header().Set("Retry-After", "5")
			showText(w, http.StatusServiceUnavailable, err.Error())
		default:
			w.Header().Set("WWW-Authenticate", a.challenge())
			showText(w, http.StatusUnauthorized, err.Error())
		}
	})
}

var (
	errStranger = errors.New("who are you? This page needs a user of web.users_file, or the token of web.token_file")
	errCrowded  = errors.New("too many passwords wait to be checked; try again in a moment")
)

// challenge lets a browser ask for a password only where one can be right.
func (a *Auth) challenge() string {
	if a.users == nil {
		return `Bearer realm="jamf-ldap-proxy"`
	}
	return `Basic realm="jamf-ldap-proxy", charset="UTF-8"`
}

func (a *Auth) admits(r *http.Request, report func(error)) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && a.token != nil {
		return a.hasToken(token, report)
	}
	if user, password, ok := r.BasicAuth(); ok && a.users != nil {
		return a.hasUser(r.Context(), user, password, report)
	}
	return errStranger
}

func (a *Auth) hasToken(token string, report func(error)) error {
	want, fresh, err := a.token.get(a.now())
	if fresh {
		report(fmt.Errorf("reading web.token_file, whose token is not accepted until it is right: %w", err))
	}
	got := sha256.Sum256([]byte(token))
	if err != nil || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return errStranger
	}
	return nil
}

func (a *Auth) hasUser(ctx context.Context, user, password string, report func(error)) error {
	users, fresh, err := a.users.get(a.now())
	if fresh {
		report(fmt.Errorf("reading web.users_file, whose users are not let in until it is right: %w", err))
	}
	if err != nil {
		return errStranger
	}
	key := a.keyOf(users, user, password)
	if a.remembers(key) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	select {
	case a.comparing <- struct{}{}:
		defer func() { <-a.comparing }()
	case <-ctx.Done():
		return errCrowded
	}
	if a.remembers(key) { // a browser asks for a page and what belongs to it at once
		return nil
	}
	if !users.has(user, password) {
		return errStranger
	}
	a.remember(key)
	return nil
}

// keyOf is what credentials are remembered by. The file is part of it, so that a
// changed one forgets.
func (a *Auth) keyOf(users *users, user, password string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write(users.sum[:])
	fmt.Fprintf(mac, "%d:%s%s", len(user), user, password)
	return [sha256.Size]byte(mac.Sum(nil))
}

func (a *Auth) remembers(key [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now().Before(a.known[key])
}

func (a *Auth) remember(key [sha256.Size]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxRemembered {
		clear(a.known)
	}
	a.known[key] = a.now().Add(rememberRight)
}
