package web

import (
	"net"
	"net/http"
	"sync"
)

// maxConns bounds the connections of all HTTP clients together. A stranger who
// opens ever more of them would else use up the files of the process, which
// lookups need too.
const maxConns = 256

// connections counts those that are open, and remembers those that have not sent
// a request yet: browsers open some in advance, and [http.Server.Shutdown] would
// wait seconds for them.
type connections struct {
	mu     sync.Mutex
	open   int
	fresh  map[net.Conn]struct{}
	ending bool
}

// changed is the ConnState of the http.Server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fresh, conn)
	switch state {
	case http.StateNew:
		if c.open++; c.open > maxConns || c.ending {
			_ = conn.Close() // the server notices, and says that it is closed
			return
		}
		if c.fresh == nil {
			c.fresh = make(map[net.Conn]struct{})
		}
		c.fresh[conn] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		c.open--
	}
}

// end closes the fresh ones, and those to come.
func (c *connections) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	for conn := range c.fresh {
		_ = conn.Close()
	}
}
