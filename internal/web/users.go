package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptLength = 60
	// maxCost is what a comparison may cost: each step doubles the time, and 15 is
	// two or three seconds of a core.
	maxCost = 15
)

// users are those of a file as `htpasswd -B` writes it.
type users struct {
	hashes map[string][]byte
	some   []byte            // one of the hashes
	sum    [sha256.Size]byte // of the file
}

func parseUsers(text []byte) (*users, error) {
	u := &users{hashes: make(map[string][]byte), sum: sha256.Sum256(text)}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, hash, found := strings.Cut(line, ":")
		cost, err := bcrypt.Cost([]byte(hash))
		if !found || user == "" || err != nil || len(hash) != bcryptLength {
			return nil, fmt.Errorf("line %d is not user:hash with a bcrypt hash; `htpasswd -nB -C 10 NAME` prints such a line", n)
		}
		if cost > maxCost {
			return nil, fmt.Errorf("line %d has a bcrypt hash of cost %d, which takes too long to compare with; `htpasswd -nB -C 10 NAME` prints one that is good", n, cost)
		}
		u.hashes[user], u.some = []byte(hash), []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}
	if len(u.hashes) == 0 {
		return nil, errors.New("there is no user in it; `htpasswd -nB -C 10 NAME` prints a line for one")
	}
	return u, nil
}

// has compares a password with the user's hash. An unknown user takes as long as a
// wrong password.
func (u *users) has(user, password string) bool {
	hash, found := u.hashes[user]
	if !found {
		hash = u.some
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && found
}

const minToken = 16

// parseToken returns the hash of the token that the file holds.
func parseToken(text []byte) ([sha256.Size]byte, error) {
	token := bytes.TrimSpace(text)
	if len(token) < minToken {
		return [sha256.Size]byte{}, fmt.Errorf("a token needs at least %d characters; `openssl rand -hex 32` makes a good one", minToken)
	}
	return sha256.Sum256(token), nil
}
