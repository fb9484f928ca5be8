// Command bench measures the proxy beside its peers in one run, on loopback:
// the directory asked directly, HAProxy as a TCP relay, slapd's back-ldap, and
// jamf-ldap-proxy. The figure that carries over to other machines is the CPU
// time of the proxy process per lookup, and of that the ratio to HAProxy's:
// absolute times on a shared machine do not.
//
// It needs slapd (with back_ldap) and haproxy; bench/run installs them on
// Debian as root. Rounds are interleaved and the median is reported.
package main
