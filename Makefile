# Everything here can be run again at any time; the second time nothing is reinstalled.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
PIP         := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt
# Names each package as pip comes to it; what goes wrong is on standard error and stays whole.
NAMES       := awk '/^Collecting/ { print "    " $$2; fflush() }'

.DEFAULT_GOAL := help
.PHONY: help play test check format screenshot docs clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

play: $(VENV)/.play ## Install, fetch the default model once, and open the game (ARGS="WORLD --agent CARD ...")
	@$(BIN)/sandbox model pull || echo "No model: the agent 'q-table' plays without one. 'make play' tries again."
	@$(BIN)/sandbox play $(ARGS)

test: check $(VENV)/.browser ## Install what the tests need, check the code and run every test
	@$(BIN)/sandbox model pull
	@echo "==> Running the tests"
	@$(BIN)/pytest $(ARGS)

check: $(VENV)/.test ## Run ruff, mypy and the import contracts
	@echo "==> Checking style, types and import directions"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(VENV)/.test ## Put the code into its standard form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

screenshot: $(VENV)/.play ## Take the README's screenshots anew
	@$(BIN)/python -m sandbox.cli.pictures

docs: $(VENV)/.play ## Write the generated pages of docs/ anew
	@$(BIN)/python -m sandbox.cli.reference
	@$(BIN)/python -m sandbox.agent.reference docs/agents.md
	@$(BIN)/python -m sandbox.world.native.reference docs/worlds.md
	@$(BIN)/python -m sandbox.tui.reference docs/playing.md

clean: ## Remove the virtual environment and everything built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with 'make PYTHON=/path/to/python3.11 ...'"; exit 1; }
	@echo "==> Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# torch first and by itself, so that nothing pulls another build of it.
$(VENV)/.play: pyproject.toml constraints.txt | $(BIN)/python
	@echo "==> Installing the sandbox (the first time takes some minutes)"
	@$(PIP) torch | $(NAMES)
	@$(PIP) -e . | $(NAMES)
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.play
	@echo "==> Installing what the tests need"
	@$(PIP) -e '.[test]' | $(NAMES)
	@touch $@

# The browser tests drive a real Chromium: the one that is there, else Debian's.
$(VENV)/.browser: | $(BIN)/python
	@command -v chromium chromium-browser google-chrome > /dev/null || { \
	  echo "==> Installing Chromium for the browser tests"; \
	  root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	  { $$root apt-get -qq update && $$root apt-get -qq install -y --no-install-recommends chromium; } \
	    > $(VENV)/chromium.log 2>&1 || { tail -n 5 $(VENV)/chromium.log; \
	      echo "The browser tests need Chromium: install it by hand and run 'make test' again."; exit 1; }; }
	@touch $@
