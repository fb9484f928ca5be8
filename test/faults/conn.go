package faults

import (
	"net"
	"sync"
	"time"
)

// Conn is one connection through a Proxy.
type Conn struct {
	client, server *net.TCPConn
	once           sync.Once
	done           chan struct{} // closed with the connection

	mu    sync.Mutex
	toxic func(*Conn, []byte) error // what the toxic made for this connection
	half  bool                      // the client's side is closed for writing only
}

// Close ends the connection in good order, on both sides.
func (c *Conn) Close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.client.Close()
		_ = c.server.Close()
	})
}

// Reset ends it so that the client sees a reset.
func (c *Conn) Reset() {
	_ = c.client.SetLinger(0)
	c.Close()
}

// HalfClose ends the server's side of the conversation and leaves the client's
// open, until the client closes.
func (c *Conn) HalfClose() {
	c.mu.Lock()
	c.half = true
	c.mu.Unlock()
	_ = c.client.CloseWrite()
}

// Send writes to the client as if the server had.
func (c *Conn) Send(b []byte) error {
	_, err := c.client.Write(b)
	return err
}

// Sleep waits, and tells whether the connection is still there.
func (c *Conn) Sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

func (c *Conn) setToxic(t Toxic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.toxic = (*Conn).Send
	if t != nil {
		c.toxic = t()
	}
}

func (c *Conn) apply(chunk []byte) error {
	c.mu.Lock()
	toxic := c.toxic
	c.mu.Unlock()
	return toxic(c, chunk)
}

func (c *Conn) halfClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.half
}
