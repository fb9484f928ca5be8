// Package discovery finds out which two entries of the directory are one group.
//
// JumpCloud publishes a user group as an entry of the legacy vocabulary, named
// as in its console, and, if the administrator wants it, as a posixGroup entry
// with a name of its own. Nothing in LDAP links the two. What is left is
// evidence: they have the same members, and often similar names.
//
//	Source.Read  ->  Groups  ->  Match  ->  Result  ->  Table  ->  rules of every lookup
//	(upstream)                  (pure)                  (atomic)
//
// A Refresher does this again and again in the background. Lookups read the
// Table without waiting for anybody. Whatever goes wrong, the last good result
// stays: a wrong or missing pair changes the names and IDs that Jamf's scopes
// hang on.
package discovery
