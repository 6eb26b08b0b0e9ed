# The words of this file: run test lint bench fuzz mutants vuln e2e-all. Each
# installs what it needs where that is missing, and says nothing where it is there.

GO       ?= go
FUZZTIME ?= 30s
BENCH    ?= .
LINT     := $(GO) tool -modfile=tools.mod golangci-lint

.PHONY: help run test lint bench fuzz mutants vuln e2e-all need

help:
	@echo 'make run      serve on 127.0.0.1:8080, with the data in parley-data'
	@echo 'make test     vet, then every test, shuffled and under the race detector'
	@echo 'make lint     format, linters, the arrows between packages, other systems'
	@echo 'make bench    the benchmarks beside the code; BENCH=Append takes some'
	@echo 'make bench-rooms   the same with 10 and with 100,000 rooms, by benchstat'
	@echo 'make fuzz     every fuzz target for FUZZTIME ($(FUZZTIME)) each'
	@echo 'make mutants  break the code on purpose; a test must notice each time'
	@echo 'make e2e-all  the whole program from outside, with the tests that take long'
	@echo 'make vuln     known vulnerabilities in what we depend on; needs the network'

run:
	$(GO) run .

test: need
	@$(GO) test -run '^TestSizes$$' -v ./static | sed -n 's/.*\(gzipped, .*\)/\1/p'
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout 10m ./...

# The tools live in tools.mod, so that what they depend on is not what we depend
# on.
lint:
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "not gofmt's form:"; echo "$$bad"; exit 1; }
	$(GO) mod tidy -diff
	$(LINT) run ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) build ./...
	GOOS=windows CGO_ENABLED=0 $(GO) build ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) vet ./...
	GOOS=windows CGO_ENABLED=0 $(GO) vet ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./handlers/pump

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m ./...

# go test fuzzes one target at a time.
fuzz: need
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

mutants: need
	$(GO) test -count=1 -v -timeout 30m -tags mutants -run '^TestMutants$$' ./e2e

# Without the race detector: what is loaded is the program, in a process of its own.
e2e-all: need
	PARLEY_E2E_ALL=1 $(GO) test -count=1 -shuffle=on -timeout 30m ./e2e

vuln:
	$(GO) tool -modfile=tools.mod govulncheck ./...

need:
	@.ci/need

# What a POST and a delivery cost with 10 and with 100,000 rooms. Benchstat says
# whether it differs. The rounds alternate, since a machine is not the same for long.
.PHONY: bench-rooms
ROUNDS ?= 10
bench-rooms:
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	for round in $$(seq $(ROUNDS)); do \
		$(GO) test -run '^$$' -bench '^Benchmark(Post|Delivery)$$/^rooms=10(0000)?$$' -benchmem ./events ./handlers >>"$$out" || { cat "$$out"; exit 1; }; \
		echo "round $$round of $(ROUNDS)"; \
	done && $(GO) tool -modfile=tools.mod benchstat -col /rooms "$$out"

# Side by side with other servers, which are a module of their own. A whole run,
# which takes long, writes the tables of docs/performance.md; with
# PEERS='-quick' or PEERS='-only burst,rooms' the tables are only printed.
.PHONY: bench-peers
bench-peers:
	@e2e/peers/need
	cd e2e/peers && $(GO) run . $(if $(PEERS),$(PEERS),-doc ../../docs/performance.md)
