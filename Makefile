# `make help` lists all targets. `make demo` and `make test` set up everything they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
RUNS := $(VENV)/.runs

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format types lint docs unit detectors fuzz bench clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## make .venv with everything that development needs

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV) dev
	@touch $@ $(RUNS)

# Enough to run the command: what development needs besides takes a minute more.
$(RUNS): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV) run
	@touch $@

demo: $(RUNS)  ## scan a small leaky repository that is made for the purpose
	@$(BIN)/stanch demo

test: $(STAMP) lint types detectors unit  ## everything that CI runs

check: $(STAMP) lint types  ## format, lint, import directions and types: fast

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check

docs: $(STAMP)  ## write the generated parts of the documentation anew
	$(BIN)/python scripts/docs.py

types: $(STAMP)
	$(BIN)/mypy

detectors: $(STAMP)  ## try every detector's own examples
	$(BIN)/stanch detectors test

unit: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

format: $(STAMP)  ## put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(STAMP)  ## ten minutes of hostile input for engine, decoders and parsers
	$(BIN)/python tests/fuzz/fuzz.py --seconds 600

bench: $(STAMP)  ## speed and accuracy beside the peers; takes half an hour
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/keys.py
	$(BIN)/python benchmarks/validity.py
	$(BIN)/python -m benchmarks.record
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python benchmarks/speed.py

clean:  ## remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
