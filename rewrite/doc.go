// Package rewrite answers group queries in the old vocabulary (groupOfNames,
// member = DN) from JumpCloud's posixGroup entries (memberUid = user name).
// It is pure: no I/O, no clock, no goroutine.
//
// # The view
//
// One sentence decides every question: the answer to a bridged request equals
// that request evaluated on the view. The view is the whole directory in which
// every posixGroup entry is replaced by a view entry and every other
// groupOfNames entry is left out:
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
// Names come from the pair table; an unpaired group keeps its own. The same
// sentence is written a second time as slow, plain test code (the oracle), and
// a property test holds this package against it.
//
// # The fast path
//
// A request is translated on its parsed tree, leaf by leaf, never as text, and
// asked upstream; what comes back is undone entry by entry. A leaf is
// translated exactly where it can be. Where it cannot, it is approximated from
// above (from below under NOT), and the original filter is evaluated again on
// each view entry before it is sent.
//
// Three kinds of upstream entries matter: groups (posixGroup, translated),
// hidden ones (groupOfNames without posixGroup, dropped) and the rest (passed).
// A filter that only a posixGroup entry can satisfy is confined; entries then
// need no class to be told apart. The package relies on one property of the
// directory: member and memberUid stand on group entries only.
package rewrite
