package proxy

import (
	"errors"
	"net"
)

// handshakeOctets is what a handshake may read in all. crypto/tls takes messages
// of 64 KiB, and a stranger could leave one unfinished on every connection; a
// large ClientHello and a chain of certificates are not half of this.
const handshakeOctets = 16 << 10

var errLongHandshake = errors.New("handshake is longer than 16 KiB")

// belowTLS is the socket under a tls.Conn. crypto/tls decrypts in the memory
// that it reads into and forgets it there, passwords included; whoever hands it
// the octets knows where that is.
//
// It relies on what crypto/tls does and does not promise (conn.go: one buffer,
// rawInput, that is read into again only when what it held is used up). Were that
// to change, nothing would break, but TestMemoryHoldsNoPasswordAfterwards.
type belowTLS struct {
	net.Conn
	memory []byte // the buffer read into last, as much of it as was seen
	secret bool   // a password has come since the memory was cleared
	left   int    // of handshakeOctets; negative when the handshake is over
}

func (c *belowTLS) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errLongHandshake
	}
	c.remember(p[:cap(p)])
	if c.left < 0 {
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// remember clears the buffer before, when this is another one: what was left in
// it has been moved here.
func (c *belowTLS) remember(p []byte) {
	if len(p) == 0 {
		return
	}
	same := len(c.memory) > 0 && &c.memory[len(c.memory)-1] == &p[len(p)-1]
	if !same {
		c.wipe()
	}
	if !same || len(p) > len(c.memory) {
		c.memory = p
	}
	if c.secret && len(p) == len(c.memory) { // all of it is free again
		clear(p)
		c.secret = false
	}
}

// wipe is for when the tls.Conn above is not used any more.
func (c *belowTLS) wipe() {
	clear(c.memory)
	c.memory = nil
}
