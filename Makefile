# Each target does its own set-up: it makes .venv, and installs the locked packages again only when a lock has changed.
# Another interpreter: make run PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Newer versions of the lock's packages: make lock UPGRADE=--upgrade
UPGRADE ?=
SEEDS ?=
FIRST ?= 1
SEED ?= 0
# Parts of the benchmark, separated by commas; smoke is all of them at tiny sizes.
PARTS ?=
# pytest keeps the test modules that it has rewritten: seconds of every run.
unexport PYTHONDONTWRITEBYTECODE
UV := 0.13.8
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links -q $(UPGRADE) pyproject.toml
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo run doctor quick test simulate mutants lint bench soak lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-8s %s\n' "$$name" "$$what"; done

demo: $(VENV)/.runtime ## the whole product in your terminal: no token, no internet, half a minute
	@$(BIN)/python -m bot demo

run: $(VENV)/.runtime ## the real bot, from .env
	@$(BIN)/python -m bot run

doctor: $(VENV)/.runtime ## checks settings, database and bots, and says what to do
	@$(BIN)/python -m bot doctor

quick: $(VENV)/.dev ## the inner loop: lint of what changed, and every test that starts no process, on SQLite
	@changed=$$(git diff --name-only --diff-filter=d HEAD -- '*.py'; git ls-files --others --exclude-standard -- '*.py'); \
		[ -z "$$changed" ] || { $(BIN)/ruff check $$changed && $(BIN)/ruff format --check $$changed && $(BIN)/mypy; }
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow and not postgres"

test: $(VENV)/.dev ## the full test suite, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n 4 --maxschedchunk 2

simulate: $(VENV)/.dev ## histories of crashes and faults: SEEDS=20000, FIRST=1, or one in full: SEED=17
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),20000) --first $(FIRST) --seed $(SEED)

mutants: $(VENV)/.dev ## plants bugs and sees that each is noticed, half an hour: SEEDS=3000, ONLY=name
	@$(BIN)/python -m tests.mutants --seeds $(or $(SEEDS),3000) --only "$(ONLY)"

lint: $(VENV)/.dev ## ruff, mypy (strict), import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## a table of speeds, against a bare bot, a plain API and raw sqlite3: PARTS=http,growth or PARTS=smoke
	@$(BIN)/python -m tests.benchmarks "$(PARTS)"

soak: $(VENV)/.dev ## MINUTES=10 of 500 clients, 30 operators, kills and faults; SEED=… again, DATABASE=postgres
	@MINUTES=$(or $(MINUTES),10) SEED=$(SEED) DATABASE=$(DATABASE) $(BIN)/python -m tests.soak

lock: $(VENV)/.dev ## writes requirements*.txt anew from pyproject.toml
	$(INSTALL) uv==$(UV)
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -o requirements-dev.txt

clean: ## removes .venv and caches; never data/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt (once, and whenever it changes)…"
	@$(INSTALL) --require-hashes -r requirements.txt
	@touch $@

# The development lock holds everything of the other one at the same versions.
$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages of requirements-dev.txt (once, and whenever it changes)…"
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer, or name yours: make … PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11, 3.12 or 3.13 is needed. Name one: make … PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
