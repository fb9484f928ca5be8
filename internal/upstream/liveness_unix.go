//go:build unix

package upstream

import (
	"net"
	"syscall"
)

// socketQuiet tells whether the socket is open and has nothing to read. The
// look takes nothing out, so that a TLS record stays whole.
func socketQuiet(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	// Control, not Read: Read would mind the read deadline, which is of no
	// concern here. The socket is non-blocking as all of Go's are.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		for {
			_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
			if err == syscall.EINTR {
				continue
			}
			quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
			return
		}
	})
	return err == nil && quiet
}
