# Everything here is a short name for a command that also works without make.
.PHONY: demo build test quick bench lint picture man

demo:   ## embedded directory, proxy and metrics on loopback
	go run ./cmd/jamf-ldap-proxy demo

build:  ## one static binary
	CGO_ENABLED=0 go build -trimpath -o jamf-ldap-proxy ./cmd/jamf-ldap-proxy

test:   ## everything CI runs
	test/run

quick:  ## without the slow sets
	test/run --quick

bench:  ## beside HAProxy and slapd, on loopback, 5 minutes; see docs/performance.md
	bench/run

lint:   ## needs golangci-lint
	golangci-lint run

picture: ## docs/page.png, as the browser test sees the page; needs chromium
	d=$$(mktemp -d) && go test ./test -count=1 -run TestPageShowsLookupsLive -artifacts -outputdir $$d && cp $$(find $$d -name page.png) docs/page.png; rm -rf $$d

man:    ## man pages into ./man
	go run ./cmd/jamf-ldap-proxy man --dir man
