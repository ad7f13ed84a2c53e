# Each target sets up what it needs; a second run installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-slow test-long faults fuzz soak lint audit docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime ## paint sprites, train on them, and draw: four minutes on two cores
	PIXACE=$(BIN)/pixace PYTHON=$(BIN)/python sh examples/demo.sh

test: lint docs ## the linter, the reference and the tests: what to run before sending a change
	$(BIN)/python -m pytest -n 2 --dist=worksteal -m "not slow and not long"

test-slow: $(VENV)/.dev ## the tests that `make test` leaves to the continuous integration
	$(BIN)/python -m pytest -n 2 --dist=worksteal -m "slow and not long"

test-long: $(VENV)/.dev ## all tests, also those that take minutes
	$(BIN)/python -m pytest -n 2 --dist=worksteal

# What docs/reliability.md tells of; all three together take some five hours.
faults: $(VENV)/.dev ## all cases of what can go wrong, with a table
	$(BIN)/python -m pytest -n 2 --dist=worksteal -m fault --faults

FUZZ_MINUTES = 30
fuzz: $(VENV)/.dev ## feed damaged files to each reader for FUZZ_MINUTES=30
	$(BIN)/python -m pip install --quiet 'atheris>=3.1,<4'
	for reader in checkpoint config image; do \
		$(BIN)/python -m tests.tools.fuzzing $$reader --minutes=$(FUZZ_MINUTES) || exit 1; done

SOAK_MINUTES = 120
soak: $(VENV)/.dev ## train, stop, go on and draw for SOAK_MINUTES=120
	$(BIN)/python -m tests.tools.soak --minutes=$(SOAK_MINUTES)

lint: $(VENV)/.dev ## the linter, the format check and the type checker: seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pip check

# Asks a public data base for known weaknesses of the locked packages; that needs a network.
audit: $(VENV)/.dev ## ask a public data base about the locked packages
	$(BIN)/python -m pip install --quiet 'pip-audit>=2.9,<3'
	for lock in cpu cuda12 cuda13; do \
		$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement docker/$$lock.lock || exit 1; done

docs: $(VENV)/.dev ## the reference of the Python API, docs/api/pixace.html
	$(BIN)/python docs/build_api.py

# The packages of the Docker images: fixed versions with checksums, for Python 3.11 to 3.13.
COMPILE = $(BIN)/uv pip compile --config-file docker/uv.toml --universal --python-version 3.11 \
	--generate-hashes --no-annotate --quiet --custom-compile-command "make lock" $(LOCK_FLAGS)
IN_BOTH = jax jaxlib ml-dtypes numpy opt-einsum scipy

lock: $(VENV)/bin/python ## resolve the packages of the Docker images
	$(BIN)/python -m pip install --quiet 'uv>=0.13,<0.14'
	$(COMPILE) setup.py docker/packages.in -o docker/cpu.lock
	for cuda in cuda12 cuda13; do echo "jax[$$cuda]" | $(COMPILE) - --constraints docker/cpu.lock \
		$(IN_BOTH:%=--no-emit-package %) -o docker/$$cuda.lock || exit 1; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "pixace needs Python 3.11 to 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.runtime

clean: ## remove what was made, the environment too
	rm -rf $(VENV) demo build docs/api *.egg-info
