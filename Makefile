# The few commands that matter. `make demo` and `make test` are the two of the README.
#
# All build the whole workspace in one profile and one folder: what cargo would otherwise build twice, with
# other features, is RocksDB.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/thunderhead/target
CARGO_JOBS ?= $(shell nproc)
CARGO := cargo

.PHONY: demo test chaos figures lint bench docs screenshot infra setup

## demo: import the sample dump into a fresh playground and verify it
demo:
	@./setup.sh
	$(CARGO) build -j $(CARGO_JOBS) --workspace --bin thunderhead
	$(CARGO_TARGET_DIR)/debug/thunderhead import --playground --source tests/data/dumps/sql

## test: everything that must pass
test: setup
	$(CARGO) test -j $(CARGO_JOBS) --workspace --no-fail-fast

## chaos: 200 imports while processes die, messages come twice and the store fails; CHAOS_SEED is the first seed
chaos: setup
	CHAOS_RUNS=$${CHAOS_RUNS:-200} $(CARGO) test -j $(CARGO_JOBS) --workspace --test chaos -- --nocapture

## figures: processor time, memory and written bytes of whole imports (benches/README.md)
figures: setup
	$(CARGO) build -j $(CARGO_JOBS) --workspace --bin thunderhead
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR) benches/figures
	$(CARGO) test -j $(CARGO_JOBS) --workspace --test end_to_end -- --ignored --nocapture planning_a_million_objects

## lint: format and clippy, warnings are errors
lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy -j $(CARGO_JOBS) --workspace --all-targets -- -D warnings

## bench: the figures that the documentation claims
bench: setup
	$(CARGO) bench -j $(CARGO_JOBS) -p th-benches

## docs: links of the manual
docs:
	docs/check

## screenshot: the status page in headless Chromium, checked and kept for the manual
screenshot:
	THUNDERHEAD_BIN=$(CARGO_TARGET_DIR)/debug/thunderhead docs/screenshot

## infra: format, validity and tests of the Terraform modules
infra:
	THUNDERHEAD_BIN=$(CARGO_TARGET_DIR)/debug/thunderhead infra/check

## setup: what a fresh machine lacks (needs root only if something is missing)
setup:
	@./setup.sh tests
