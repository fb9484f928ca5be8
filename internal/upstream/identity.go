package upstream

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

// Identity is who a connection is bound as: a DN and a password. It owns its
// password, which is needed again whenever an operation finds no connection
// bound as this identity, until Forget. It is safe for concurrent use.
type Identity struct {
	dn  string
	key identityKey

	mu        sync.Mutex
	password  secret.Password
	forgotten bool
}

// identityKey stands for DN and password wherever connections are compared:
// a pool's tables hold neither.
type identityKey [sha256.Size]byte

// processKey makes an identityKey useless to whoever reads it in a core dump:
// without it no list of likely passwords can be tried.
var processKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand crashes the program instead
	return key
})

// NewIdentity returns the identity of a client that binds as dn. It keeps a
// copy of pw.
//
// DNs count as equal only byte by byte. Folding case would let two spellings
// share connections, which saves a dial in a case that does not occur (a client
// does not change its spelling), and would make our idea of DN equality decide
// about access, where upstream's must.
func NewIdentity(dn string, pw secret.Password) *Identity {
	mac := hmac.New(sha256.New, processKey())
	var length [8]byte // keeps ("ab", "c") and ("a", "bc") apart
	binary.BigEndian.PutUint64(length[:], uint64(len(dn)))
	_, _ = mac.Write(length[:])
	_, _ = mac.Write([]byte(dn))
	_, _ = mac.Write(pw.Reveal())
	// The hash keeps a block of its input until it is full, and Sum copies it:
	// zeros push the password out, twice a block less one whatever it held.
	var zeros [2*sha256.BlockSize - 2]byte
	_, _ = mac.Write(zeros[:sha256.BlockSize-1])
	_, _ = mac.Write(zeros[sha256.BlockSize-1:])
	id := &Identity{dn: dn, password: pw.Clone()}
	mac.Sum(id.key[:0])
	return id
}

// DN returns the name as the client wrote it.
func (i *Identity) DN() string { return i.dn }

// Forget wipes the password; nothing can be bound or acquired as i afterwards.
// Idle connections bound as i stay until they expire, because the client's next
// connection binds as the same identity and may then use them.
func (i *Identity) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.password.Wipe()
	i.forgotten = true
}

var (
	errForgotten = errors.New("identity was forgotten")
	// RFC 4513 section 5.1.2: a name with an empty password asks for anonymous
	// access and is answered with success. Taken for a login it lets everybody
	// in, so that no caller's mistake may send one.
	errUnauthenticated = errors.New("bind with a name but without a password is not sent")
)

// usable tells why nothing can be done as i, if so.
func (i *Identity) usable() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.usableLocked()
}

func (i *Identity) usableLocked() error {
	switch {
	case i.forgotten:
		return errForgotten
	case i.dn != "" && i.password.Empty():
		return errUnauthenticated
	}
	return nil
}

// anonymous tells whether i is what a connection is before any bind.
func (i *Identity) anonymous() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dn == "" && i.password.Empty()
}

// appendBind returns a whole bind message in memory of its own, to be cleared
// after use. The memory is large enough from the start, because a growing
// append would leave copies of the password behind.
func (i *Identity) appendBind(messageID int32, controls []byte) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.usableLocked(); err != nil {
		return nil, err
	}
	const headers = 64
	size := len(i.dn) + len(i.password.Reveal()) + headers
	body := ldap.AppendSimpleBind(make([]byte, 0, size), i.dn, i.password.Reveal())
	defer clear(body)
	message := make([]byte, 0, size+len(controls)+headers)
	return ldap.AppendOperation(message, messageID, ldap.OpBindRequest, body, controls), nil
}
