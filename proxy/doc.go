// Package proxy is the listening side: it accepts the LDAP connections of
// Jamf, keeps the rules of the protocol, and asks upstream.
//
// The life of one client connection:
//
//	          accept (server.go): allow-list, connection limits
//	             │
//	┌────────────▼────────────┐   one goroutine, the reader (session.go)
//	│ read a frame            │◄───────────────────────────────┐
//	│ legal in this state?    │   legality table (state.go)    │
//	└──┬────────┬─────────┬───┘                                │
//	   │        │         └─ answered here: whoami, writes,    │
//	   │        │            StartTLS, abandon ────────────────┤
//	   │        └─ bind: ends what is outstanding, asks        │
//	   │           upstream, changes the state (bind.go) ──────┤
//	   └─ search, compare: here when it is alone and quick ────┘
//	      (turn.go), else in a goroutine of its own
//	           │
//	 decode → plan → lease → send → undo per entry (search.go)
//	           │
//	 the session's write buffer (write.go) → client
//	           └─ one lookup.Record, published once (record.go)
//
// The reader owns the state and the socket's end: whoever else wants a session
// to end (a drain, a malformed search) says so with hangUp, and the reader
// waits for the operations, says goodbye and closes. Which goroutine is the
// reader can change: turn.go. An operation belongs to the goroutine that serves
// it; others may only cancel it. At limits.in_flight operations the
// reader stops reading, so that TCP holds the client back.
//
// An operation fails with a Go error; result.go alone turns it into a result
// code, and decides whether the connection survives it.
package proxy
