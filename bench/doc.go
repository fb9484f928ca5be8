// Command bench measures the proxy beside its peers in one run, on loopback:
// the directory asked directly, HAProxy as a TCP relay, slapd's back-ldap with
// and without slapo-rwm and slapo-pcache, and jamf-ldap-proxy in its modes. The
// figure that carries over to other machines is the CPU time of the proxy
// process per lookup, and of that the ratio to HAProxy's of the same round:
// absolute times on a shared machine do not.
//
// It needs slapd (with back_ldap) and haproxy; bench/run installs them on
// Debian as root. Rounds are interleaved and medians reported. Everything runs
// on loopback, is bounded in time, and ends with the program.
//
// What is measured is in groups, chosen with -only:
//
//	persist  16 connections that stay, five mixes of questions
//	connect  a connection for every lookup: connect, bind, search, unbind
//	tls      both, with TLS at the client's side, at the directory's, or both
//	line     both, with the directory 40 ms away, over TLS
//	idle     memory of 5,000 bound connections that do nothing
package main
