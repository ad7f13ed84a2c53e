# `make demo` and `make test` set up what they need; a second run installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long lint docs lock clean

demo: $(VENV)/.runtime
	PIXACE=$(BIN)/pixace PYTHON=$(BIN)/python sh examples/demo.sh

test: lint docs
	$(BIN)/python -m pytest -n 2 --dist=worksteal -m "not long"

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist=worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python docs/build_api.py

# The packages of the Docker images: fixed versions with checksums, for Python 3.11 to 3.13.
COMPILE = $(BIN)/uv pip compile --config-file docker/uv.toml --universal --python-version 3.11 \
	--generate-hashes --no-annotate --quiet --custom-compile-command "make lock" $(LOCK_FLAGS)
IN_BOTH = jax jaxlib ml-dtypes numpy opt-einsum scipy

lock: $(VENV)/bin/python
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

clean:
	rm -rf $(VENV) demo build docs/api *.egg-info
