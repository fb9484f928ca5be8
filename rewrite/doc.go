// Package rewrite answers group queries in the legacy vocabulary (groupOfNames,
// member = DN) from a directory that, as JumpCloud's, publishes each group as
// two entries: a groupOfNames without group ID, and a posixGroup under another
// name. It is pure: no I/O, no clock, no goroutine.
//
// # The view
//
// One sentence decides every question: the answer to a bridged request equals
// that request evaluated on the view. The view is the whole directory with
// other groups. In mode posix every posixGroup entry is replaced by a view
// entry, and every other groupOfNames entry is left out:
//
//	posixGroup entry upstream                 view entry
//	dn: cn=got,ou=Users,...                   dn: cn=gameOfThrones,ou=Users,...
//	cn: got                                   cn: gameOfThrones
//	                                          ou: gameOfThrones
//	objectClass: posixGroup                   objectClass: groupOfNames
//	memberUid: jon.snow                       member: uid=jon.snow,ou=Users,...
//	                                          memberUid: jon.snow
//	gidNumber: 7001                           gidNumber: 7001
//
// Names come from the pair table; an unpaired group keeps its own.
//
// In mode merge every groupOfNames entry is replaced by itself, completed, and
// the posixGroup entry of its pair is left out:
//
//	groupOfNames entry upstream               view entry
//	dn: cn=gameOfThrones,ou=Users,...         as upstream
//	objectClass: groupOfNames                 as upstream
//	member: uid=jon.snow,ou=Users,...         as upstream
//	                                          memberUid: jon.snow
//	                                          gidNumber: 7001, from the pair table
//
// With stable_uuid a group's entryUUID is made from the DN of its view entry.
//
// The same sentence is written a second time as slow, plain test code (the
// oracle), and a property test holds this package against it.
//
// # The fast path
//
// A request is translated on its parsed tree, leaf by leaf, never as text, and
// asked upstream; what comes back is undone entry by entry. A leaf is
// translated exactly where it can be. Where it cannot, it is approximated from
// above (from below under NOT), and the original filter is evaluated again on
// each view entry before it is sent.
//
// Three kinds of upstream entries matter: those that become groups of the view,
// hidden ones (dropped) and the rest (passed). A filter that only the first kind
// can satisfy is confined; entries then need no class to be told apart. The
// package relies on one property of the directory: member and memberUid stand
// on group entries only.
//
// What the two modes differ in is the interface view: posix.go and merge.go.
package rewrite
