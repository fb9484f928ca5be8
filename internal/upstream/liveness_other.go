//go:build !unix

package upstream

import "net"

// socketQuiet cannot look without reading here: a dead connection is noticed
// by the operation that uses it, see Retryable.
func socketQuiet(net.Conn) bool { return true }
