# Every target does its own set-up: `make test` works in a clean clone on a bare Debian 12.
# The environment is built from lock files with hashes, and again only when a lock changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
SYSTEM := PYTHON="$(PYTHON)" packaging/install-system-packages.sh

RUNTIME_LOCK := packaging/requirements.txt
TEST_LOCK    := packaging/requirements-test.txt
BENCH_LOCK   := packaging/requirements-bench.txt
DEB_LOCK     := packaging/requirements-deb.txt
RUNTIME      := $(VENV)/.runtime-installed
TESTING      := $(VENV)/.testing-installed
BENCHING     := $(VENV)/.benching-installed

# Two at a time: most of the long tests wait for real processes. One at a time: make test ARGS=-n0
WORKERS := -n 2 --dist worksteal

# Unit, property, integration and end-to-end tests; a folder that holds nothing yet is not asked for.
SUITES := $(wildcard tests/unit tests/properties tests/scenarios tests/transcripts tests/integration tests/faults tests/e2e tests/packaging)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-full lint bench mutation deb lock setup tools package-tools clean

help:            ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(RUNTIME) ## a whole site on this machine for one minute (ARGS="--stations 30 --seconds 120")
	$(BIN)/sitectl demo $(ARGS)

test: lint tools ## lint and all tests, long sweeps sampled
	$(BIN)/python -m pytest $(WORKERS) -m "not full" $(SUITES) $(ARGS)

test-full: lint tools package-tools ## as test, with the long sweeps in full
	$(BIN)/python -m pytest $(WORKERS) --hypothesis-profile=full $(SUITES) $(ARGS)

lint: $(TESTING) ## style, types, floor plan, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/house

bench: $(BENCHING) ## figures beside a named peer, measured in the same run
	$(BIN)/python -m tests.bench $(ARGS)

mutation: $(BENCHING) ## whether the tests of the allocator and of the limit ledger would notice (ARGS=--full for all mutants)
	$(BIN)/python -m tests.bench.mutation $(ARGS)

deb:             ## a Debian package for machines like this one, in dist/
	@packaging/install-deb-packages.sh
	packaging/build-deb.sh

setup: $(TESTING) ## only the environment, with what the tests need

tools:           # strace and faketime, for the fault tests; without them those skip
	@packaging/install-test-tools.sh

package-tools:   # debootstrap, lintian, systemd-nspawn, for the tests of the package; without them those skip
	@packaging/install-package-test-tools.sh

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --build-deps-for=editable \
	--no-header --no-annotate --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: $(TESTING) ## pin again what pyproject.toml asks for (ARGS=--upgrade for the newest)
	$(LOCK) $(ARGS) --output-file=$(RUNTIME_LOCK) pyproject.toml
	$(LOCK) $(ARGS) --extra=systemd --extra=gpio --constraint=$(RUNTIME_LOCK) --output-file=$(DEB_LOCK) pyproject.toml
	$(LOCK) $(ARGS) --extra=test --constraint=$(RUNTIME_LOCK) --output-file=$(TEST_LOCK) pyproject.toml
	$(LOCK) $(ARGS) --extra=bench --constraint=$(TEST_LOCK) --output-file=$(BENCH_LOCK) pyproject.toml

clean:           ## remove the environment, caches and builds
	rm -rf $(VENV) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find sitectl tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The package itself is installed last, from this folder; its build tool comes from the lock, so nothing is fetched unseen.
$(RUNTIME): $(RUNTIME_LOCK) pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes --requirement $(RUNTIME_LOCK)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(TESTING): $(TEST_LOCK) $(RUNTIME)
	$(PIP) install --quiet --require-hashes --requirement $(TEST_LOCK)
	touch $@

$(BENCHING): $(BENCH_LOCK) $(TESTING)
	$(PIP) install --quiet --require-hashes --requirement $(BENCH_LOCK)
	touch $@

$(BIN)/python:
	$(SYSTEM)
	$(PYTHON) -m venv $(VENV)
