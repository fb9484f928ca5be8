package faults

import (
	"errors"
	"time"
)

// Toxic makes, for one connection, what is done with each chunk that the server
// sends. An error ends the connection.
type Toxic func() func(c *Conn, chunk []byte) error

var errEnded = errors.New("the line was cut")

// Latency delays every chunk.
func Latency(d time.Duration) Toxic {
	return each(func(c *Conn, chunk []byte) error {
		if !c.Sleep(d) {
			return errEnded
		}
		return c.Send(chunk)
	})
}

// Slicer cuts what the server sends into pieces of size octets, with a pause
// before each. A pause makes it a narrow line.
func Slicer(size int, pause time.Duration) Toxic {
	return each(func(c *Conn, chunk []byte) error {
		for len(chunk) > 0 {
			n := min(size, len(chunk))
			if pause > 0 && !c.Sleep(pause) {
				return errEnded
			}
			if err := c.Send(chunk[:n]); err != nil {
				return err
			}
			chunk = chunk[n:]
		}
		return nil
	})
}

// Swallow is a server that accepts and says nothing. A connection on which it
// has swallowed something stays silent for good: it would be an answer with a
// hole otherwise, which no client can notice.
func Swallow() Toxic {
	return each(func(c *Conn, _ []byte) error {
		<-c.done
		return errEnded
	})
}

// LimitData passes n octets and then ends the connection with end, say
// (*Conn).Reset.
func LimitData(n int, end func(*Conn)) Toxic {
	return func() func(*Conn, []byte) error {
		left := n
		return func(c *Conn, chunk []byte) error {
			if len(chunk) < left {
				left -= len(chunk)
				return c.Send(chunk)
			}
			err := c.Send(chunk[:left])
			end(c)
			return errors.Join(err, errEnded)
		}
	}
}

// Garbage sends b in place of what the server says, and ends the connection:
// what comes after garbage could look like an answer.
func Garbage(b []byte) Toxic {
	return each(func(c *Conn, _ []byte) error {
		err := c.Send(b)
		c.HalfClose()
		return errors.Join(err, errEnded)
	})
}

// Messages replaces every message by what change makes of it; nil drops it. The
// Proxy must be one of messages.
func Messages(change func(message []byte) []byte) Toxic {
	return each(func(c *Conn, chunk []byte) error {
		if changed := change(chunk); len(changed) > 0 {
			return c.Send(changed)
		}
		return nil
	})
}

// each is a toxic that remembers nothing of its connection.
func each(f func(*Conn, []byte) error) Toxic { return func() func(*Conn, []byte) error { return f } }
