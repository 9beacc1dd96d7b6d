# Each verb does its own set-up; `make` alone lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help setup check test demo validate docs bench load attached faults fuzz lies lock

BIN := .venv/bin
# Directories that hold Python now; one that doesn't exist yet is no error.
PYTHON_TREES := $(wildcard src tests scripts benchmarks)

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything the other verbs need (they call it themselves)
	@scripts/setup

check: setup ## formatting, lint, types, import contracts, generated docs, lock files
	$(BIN)/ruff format --check $(PYTHON_TREES)
	$(BIN)/ruff check $(PYTHON_TREES)
	$(BIN)/mypy $(PYTHON_TREES)
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python scripts/check_locks.py

test: setup ## all tests, on two cores, the cheap ones first; writes build/lies.json
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/unit tests/contract tests/functional tests/liars
	$(BIN)/python -m pytest tests/web

demo: setup ## one escrow on a regtest network; ARGS=--keep leaves one to click through
	$(BIN)/tripartite demo $(ARGS)

validate: setup ## the check before a launch (half an hour); ARGS="--transactions 10" for less
	$(BIN)/tripartite validate --json build/validate.json --html build/validate.html $(ARGS)

docs: setup ## write the generated pages in docs/ anew
	$(BIN)/python scripts/generate_docs.py

bench: setup ## our figures beside those of the bare calls; writes a JSON each into build/
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.nodes
	$(BIN)/python -m benchmarks.deadlines
	$(BIN)/python -m benchmarks.scraping
	$(BIN)/python -m benchmarks.many_open

load: setup ## simulated agents and escrows: 10,000 connected, 100 a minute; ARGS=--soak seeks leaks
	$(BIN)/python -m benchmarks.load $(ARGS)

lies: setup ## only the lies of the threat model, told to real agents; writes build/lies.json
	$(BIN)/python -m pytest tests/liars

attached: setup ## registered wallet RPCs on real daemons: races, nodes, an outage (half an hour)
	$(BIN)/python -m pytest tests/attached

fuzz: setup ## what make test tries at random, 25 times as long; FUZZ=100 for longer still
	FUZZ_FACTOR=$(or $(FUZZ),25) $(BIN)/python -m pytest tests/unit/test_foreign_bytes.py \
		tests/unit/protocol/test_adversary.py tests/contract/test_fuzz.py \
		tests/contract/test_page_forms.py

faults: setup ## kill each process at each step, on each way to the end (hours); writes build/faults.json
	$(BIN)/python -m tests.faults $(FAULTS)

# For those who change dependencies, so not in the list. Needs uv: see CONTRIBUTING.md.
lock:
	uv pip compile pyproject.toml --group dev --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock --generate-hashes --python-version 3.11 \
		--no-emit-index-url --no-header -q -o requirements-run.lock
	uv pip compile --group build -c requirements.lock --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements-build.lock
