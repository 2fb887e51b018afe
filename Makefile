# fleetlog: everything a newcomer, a developer and the pipeline need.
# PYTHON chooses the interpreter, ARGS is handed on: make test ARGS="tests/unit -k user"

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Makes the environment unless it is there, and says so when the interpreter is too old for it.
define make_venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo 'fleetlog needs Python 3.11 or newer, "$(PYTHON)" is not: try make PYTHON=python3.12' >&2; \
  exit 1; }
@test -x $(BIN)/python || $(PYTHON) -m venv .venv
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo up test acceptance check format bench mutants chaos lock clean

help: ## Say what can be made
	@echo 'usage: make TARGET [ARGS="…"] [PYTHON=python3.12]'
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: .venv/.installed ## Make .venv with everything needed to run and to develop
	@:

demo: install ## Show the whole fleet at work (ARGS=--exit to end by itself)
	@$(BIN)/fleetlog demo $(ARGS)

up: install ## Start servers, worker, beat and dashboard, until Ctrl-C
	@$(BIN)/fleetlog up $(ARGS)

test: install ## Run every test, three files at a time, the long ones first
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

acceptance: install ## Run only the tests that start the real fleet
	$(BIN)/python -m pytest tests/acceptance $(ARGS)

check: install ## Lint, formatting, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Let ruff write the formatting and the safe fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## Measure; ARGS chooses which questions
	$(BIN)/python -m benchmarks $(ARGS)

mutants: install ## Take safeguards out, one by one: do the tests notice? ARGS names some
	$(BIN)/python -m tests.mutants $(ARGS)

chaos: install ## Break a real fleet for ten minutes: is anything lost? (CHAOS=long for hours)
	$(BIN)/python -m tests.chaos --goals $(or $(CHAOS),ten) $(ARGS)

lock: ## Write requirements.lock anew (ARGS=--upgrade for newer versions)
	$(make_venv)
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --output-file requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet $(ARGS)

clean: ## Remove .venv, caches and the data of the embedded servers
	rm -rf .venv .fleetlog .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stamps: a changed pyproject.toml does not make pip walk through the whole lock again.
.venv/.locked: requirements.lock
	$(make_venv)
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo 'fleetlog is installed in .venv; see it at work with: make demo'
