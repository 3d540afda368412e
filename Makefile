# The whole project from a fresh clone: `make demo` and `make test` set up what they need by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-cpus lint types docs bench clean

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' Makefile | awk -F': *' '{printf "make %-9s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime  ## run the whole job on sample_data/, from raw logs to ranked lists
	$(BIN)/etsyml demo

test: $(VENV)/.dev  ## lint, types and all tests
	$(MAKE) --no-print-directory lint types
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-cpus: $(VENV)/.dev  ## all tests as on other CPUs; prints one line per setting
	$(BIN)/python scripts/test_cpus.py

lint: $(VENV)/.dev  ## style, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev  ## static types
	$(BIN)/mypy

docs: $(VENV)/.dev  ## write the command reference and the transcripts anew from the commands
	$(BIN)/python scripts/write_cli_reference.py
	$(BIN)/python scripts/write_metrics_table.py
	$(BIN)/python scripts/transcripts.py

bench: $(VENV)/.bench  ## speed and memory, each against an anchor in the same run
	$(BIN)/python -m benchmarks

clean:  ## remove the environment and the workspace
	rm -rf $(VENV) work

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The pinned torch is its CPU build where pip's own index settings offer one, else the ordinary build.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[onnx]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(INSTALL) --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.runtime
	$(INSTALL) --editable '.[bench]'
	@touch $@
