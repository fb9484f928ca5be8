package dial

import (
	"fmt"
	"net"
	"sync/atomic"
)

// Limited is a connection that fails when its peer sends too much.
type Limited struct {
	net.Conn
	most int64
	left atomic.Int64
}

// Limit bounds what conn may receive, in bytes, until Allow is called.
func Limit(conn net.Conn, most int64) *Limited {
	c := &Limited{Conn: conn, most: most}
	c.Allow()
	return c
}

// Allow lets the peer send as much again, for the next question.
func (c *Limited) Allow() { c.left.Store(c.most) }

// Read implements net.Conn.
func (c *Limited) Read(p []byte) (int, error) {
	left := c.left.Load()
	if left <= 0 {
		return 0, fmt.Errorf("the answer has more than %d MiB", c.most>>20)
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	c.left.Add(int64(-n))
	return n, err
}
