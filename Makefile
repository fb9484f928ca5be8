# Everything here is a short name for a command that also works without make.
.PHONY: demo build test quick bench soak lint fuzz vulnerabilities picture man image-check release-snapshot release

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

soak:   ## 10 minutes of mixed clients while the line to the directory breaks in every way; see docs/soak.md
	go run ./soak $(if $(SOAK_DURATION),-duration $(SOAK_DURATION))

lint:   ## everything of .golangci.yml
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

fuzz:   ## an hour; FUZZ_TIME=600 for ten minutes; see docs/fuzzing.md
	test/fuzz

vulnerabilities: ## known ones that the code can reach
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

picture: ## docs/page.png, as the browser test sees the page; needs chromium
	d=$$(mktemp -d) && go test ./test -count=1 -run TestPageShowsLookupsLive -artifacts -outputdir $$d && cp $$(find $$d -name page.png) docs/page.png; rm -rf $$d

man:    ## man pages into ./man
	go run ./cmd/jamf-ldap-proxy man --dir man

image-check: ## the image, and the demo of deploy/compose until every container is healthy; needs docker
	docker build --build-arg VERSION=check --tag jamf-ldap-proxy:check .
	cd deploy/compose && docker compose --env-file demo.env up --build --wait --wait-timeout 180; status=$$?; \
	docker compose --env-file demo.env down --volumes; exit $$status

release-snapshot: ## all that a release consists of into ./dist, published nowhere; needs goreleaser 2.15
	goreleaser release --snapshot --clean $$(command -v syft >/dev/null || echo --skip=sbom)

release: ## on a tagged commit, publishes it with its notes from CHANGELOG.md; needs goreleaser, syft and a token
	notes=$$(mktemp) && deploy/packages/notes "$$(git describe --exact-match --tags)" >$$notes && goreleaser release --clean --release-notes $$notes
