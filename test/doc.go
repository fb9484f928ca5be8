// Package test holds the end-to-end tests: the real jamf-ldap-proxy binary
// between real clients (OpenLDAP's ldap-utils, go-ldap, Java's JNDI and raw
// bytes) and two upstreams (OpenLDAP slapd and the embedded directory), all on
// loopback. test/run in the root of the repository is the command that runs
// everything.
//
// Where to look:
//
//	main_test.go harness_test.go    builds, starts, watches and ends the proxy
//	upstream_test.go relay_test.go  the directories behind it, and a relay that holds or spoils single messages
//	org_test.go answer_test.go      what the directory contains, its groups as each mode shows them, what an answer is
//	clients_test.go jndi/ wire_test.go   the four kinds of client
//	shapes_test.go                  the 25 request shapes of Jamf Pro, each with its answer in each mode
//	browser_test.go page_test.go    the page in headless Chromium; testdata/audit.js looks for what keeps people out
//	seeing_test.go                  what lookups are shown in costs nobody a lookup, and tells no secret
//	monitoring_test.go promql_test.go  what the dashboard and the alerts ask for exists, and promtool accepts it
//	doctor_*_test.go                directories, certificates and proxies set up wrongly, and the check that finds it
//	*_test.go                       one subject per file
//
// Without slapd, ldap-utils, a JDK, Chromium or promtool the tests that need them are skipped by
// name; with TEST_OF_JAMF_LDAP_PROXY_REQUIRE_PEERS=1 a missing peer is a failure.
package test
