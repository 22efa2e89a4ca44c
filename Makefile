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
# Of the sandbox's page; without it, any that is free.
PORT ?=
# Parts of the benchmark, separated by commas; smoke is all of them at tiny sizes.
PARTS ?=
# pytest keeps the test modules that it has rewritten: seconds of every run.
unexport PYTHONDONTWRITEBYTECODE
# Tools with many packages of their own stay out of the environment of the product.
AUDIT := .venv-audit
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links -q $(UPGRADE)
PIP_AUDIT := $(AUDIT)/bin/pip-audit --require-hashes --disable-pip
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo sandbox screenshots browser run doctor quick test simulate histories mutants lint bench soak lock notices audit sbom clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-11s %s\n' "$$name" "$$what"; done

demo: $(VENV)/.runtime ## the whole product in your terminal: no token, no internet, half a minute
	@$(BIN)/python -m bot demo

sandbox: $(VENV)/.runtime ## the whole product in a browser, five telephones, no token: PORT=8090, DEFAULT_LANGUAGE=en
	@$(BIN)/python -m bot sandbox $(if $(PORT),--port $(PORT))

run: $(VENV)/.runtime ## the real bot, from .env
	@$(BIN)/python -m bot run

doctor: $(VENV)/.runtime ## checks settings, database and bots, and says what to do
	@$(BIN)/python -m bot doctor

quick: $(VENV)/.dev ## the inner loop: lint of what changed, and every test that starts no process, on SQLite
	@changed=$$(git diff --name-only --diff-filter=d HEAD -- '*.py'; git ls-files --others --exclude-standard -- '*.py'); \
		[ -z "$$changed" ] || { $(BIN)/ruff check $$changed && $(BIN)/ruff format --check $$changed && $(BIN)/mypy; }
	QUICK=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow and not postgres and not further"

test: $(VENV)/.dev ## the full test suite, on SQLite and PostgreSQL; with BOTH=1, every story on both
	$(BIN)/python -m pytest -n 4 --maxschedchunk 2

simulate: $(VENV)/.dev ## histories of crashes and faults: SEEDS=20000, FIRST=1, GO_ON=1; one in full: SEED=17
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),20000) --first $(FIRST) --seed $(SEED) $(if $(GO_ON),--go-on)

histories: $(VENV)/.dev ## the product beside the reference model, move by move: SEEDS=1000, FIRST=1, DATABASE=postgres
	$(BIN)/python -m tests.domain.routing.histories --seeds $(or $(SEEDS),1000) --first $(FIRST) --database $(or $(DATABASE),sqlite)

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

browser: $(VENV)/.dev ## installs a Chromium for the tests of the page, where the system has none
	@command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/python -m playwright install chromium \
		|| { apt-get update -qq && apt-get install -qq -y chromium; } # where its own download cannot be reached

screenshots: $(VENV)/.dev ## draws docs/images/chats anew, from the page of make sandbox
	@$(BIN)/python -m tests.browser.screenshots

lock: $(VENV)/.dev ## writes requirements*.txt anew from pyproject.toml
	$(INSTALL) --require-hashes -r requirements-uv.txt
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --extra dev -o requirements-dev.txt
	$(COMPILE) --group audit -o requirements-audit.txt
	$(COMPILE) --group uv -o requirements-uv.txt
	@echo "If versions have changed: make notices, after the new ones are installed."

notices: $(VENV)/.dev ## writes THIRD-PARTY-NOTICES.md anew, after a change of requirements.txt
	@$(BIN)/python -m tests.notices

audit: $(AUDIT)/.installed ## asks public lists whether a locked package has a known vulnerability; needs the internet
	@failed=0; for lock in requirements.txt requirements-dev.txt requirements-audit.txt requirements-uv.txt; do \
		echo "$$lock:"; $(PIP_AUDIT) -r $$lock --strict || failed=1; done; exit $$failed

sbom: $(AUDIT)/.installed ## writes sbom.json: what is installed, as CycloneDX
	$(PIP_AUDIT) -r requirements.txt --format cyclonedx-json --output sbom.json

clean: ## removes .venv and caches; never data/
	rm -rf $(VENV) $(AUDIT) sbom.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt (once, and whenever it changes)…"
	@$(INSTALL) --require-hashes -r requirements.txt
	@touch $@

# The development lock holds everything of the other one at the same versions.
$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages of requirements-dev.txt (once, and whenever it changes)…"
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(AUDIT)/.installed: requirements-audit.txt | $(BIN)/python
	@$(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-audit.txt
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer, or name yours: make … PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11, 3.12 or 3.13 is needed. Name one: make … PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
