// Package certs shows the certificates of a server and makes those of our own
// listeners.
//
// Fetch takes the chain as a server sends it, without trusting it, and Judge
// says what a client that verifies makes of it, which is what the proxy and
// Jamf do. Create makes a certificate for a listener, signed by a small
// authority that lives in the same folder and is made with the first one.
package certs

// Error is a mistake together with what to do about it.
type Error struct {
	Err error
	Try string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
