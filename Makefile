# Everything here can be run again at any time; the second time nothing is reinstalled.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
PIP         := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-compile -c constraints.txt
UV          := $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt
COMMA       := ,
PYTEST      := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder
# Names each package as pip comes to it; what goes wrong is on standard error and stays whole.
NAMES       := awk '/^Collecting/ { print "    " $$2; fflush() }'

# Installs by uv, which resolves and unpacks many times as fast, and by pip where there is no uv, or it fails: it does
# not read pip's configuration, so that a package index of one's own may be known to pip alone.
install = { [ -x $(BIN)/uv ] && $(UV) $(1); } || { echo "    uv cannot do it: pip does"; $(PIP) $(1) | $(NAMES); }

.DEFAULT_GOAL := help
.PHONY: help play test quick coverage check format hooks screenshot docs site voice plugins container clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

play: $(VENV)/.play ## Install, fetch the default model once, and open the game (ARGS="WORLD --agent CARD ...")
	@$(BIN)/sandbox model pull || echo "No model: the agent 'q-table' plays without one. 'make play' tries again."
	@$(BIN)/sandbox play $(ARGS)

test: check $(VENV)/.browser ## Install what the tests need, check the code and run every test
	@$(BIN)/sandbox model pull
	@echo "==> Running the tests"
	@$(PYTEST) $(if $(shell cat $(VENV)/.browser),,-m "not browser") $(ARGS)

quick: $(VENV)/.test ## Test a change in under two minutes: style, and the tests outside the slow lane (no types, no browser)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/sandbox model pull
	@$(PYTEST) -m "not slow and not browser" $(ARGS)

coverage: $(VENV)/.test ## Run the tests and say which lines none of them runs (also build/coverage/index.html)
	@$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html $(ARGS)

check: $(VENV)/.test ## Run ruff, mypy and the import contracts
	@echo "==> Checking style, types and import directions"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

hooks: $(VENV)/.test ## Check every commit before it is made, from now on in this clone
	@$(PIP) pre-commit | $(NAMES)
	@$(BIN)/pre-commit install

format: $(VENV)/.test ## Put the code into its standard form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

screenshot: $(VENV)/.play ## Take the README's screenshots anew
	@$(BIN)/python -m sandbox.cli.pictures

docs: $(VENV)/.play ## Write the generated pages of docs/ anew
	@$(BIN)/python -m sandbox.cli.reference
	@$(BIN)/python -m sandbox.cli.api_reference
	@$(BIN)/python -m sandbox.agent.reference docs/agents.md
	@$(BIN)/python -m sandbox.world.native.reference docs/worlds.md
	@$(BIN)/python -m sandbox.tui.reference docs/playing.md

site: $(VENV)/.test ## Build docs/ into a site, build/site; a link that leads nowhere fails
	@$(BIN)/zensical build --strict

voice: $(VENV)/.play ## Train the adapter of the default agents anew, from seeds (about an hour)
	@$(BIN)/sandbox model pull
	@$(BIN)/python -m sandbox.tune.voice build/voice

plugins: $(VENV)/.test ## Install the optional kinds of worlds into build/plugins and test them (Java is needed)
	@echo "==> Installing TextWorldExpress and ScienceWorld into build/plugins"
	@$(PIP) --upgrade --target build/plugins textworld-express scienceworld | $(NAMES)
	@$(PIP) --upgrade --target build/plugins --no-deps plugins/textworld-express plugins/scienceworld | $(NAMES)
	@PYTHONPATH=build/plugins $(BIN)/pytest plugins $(ARGS)

container: ## Build the image without torch, start it, and ask it for a page (by podman, else docker)
	@tool=$$(command -v podman || command -v docker) || { echo "podman or docker is needed"; exit 1; }; \
	$$tool build -f Containerfile --build-arg EXTRAS=postgresql -t chat-agent-sandbox . && \
	started=$$($$tool run -d --rm -p 127.0.0.1:8123:8000 -e SANDBOX_TOKEN=only-for-this-check chat-agent-sandbox) && \
	{ curl -sf --retry 20 --retry-all-errors --retry-delay 1 "http://127.0.0.1:8123/?token=only-for-this-check" -L \
	  -b '' > /dev/null && echo "It answers." || { $$tool logs $$started; false; }; }; \
	answered=$$?; $$tool stop $$started > /dev/null; exit $$answered

clean: ## Remove the virtual environment and everything built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with 'make PYTHON=/path/to/python3.11 ...'"; exit 1; }
	@echo "==> Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# torch first, by itself and by pip, whose configuration says which build of it there is: nothing may pull another.
$(VENV)/.play: pyproject.toml constraints.txt | $(BIN)/python
	@echo "==> Installing the sandbox (the first time takes some minutes)"
	@$(PIP) --no-deps torch | $(NAMES)
	@$(PIP) uv | $(NAMES) || true
	@$(call install,-e '.[lm]')
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.play
	@echo "==> Installing what the tests need"
	@$(call install,-e '.[lm$(COMMA)test]')
	@touch $@

# The browser tests drive a real Chromium: the one that is there, else Debian's for root, else playwright's own.
# What is written into the file is how it was had; nothing where there is none.
$(VENV)/.browser: | $(VENV)/.test
	@if command -v chromium chromium-browser google-chrome > /dev/null; then echo found > $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "==> Installing Chromium for the browser tests"; \
	  { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; } \
	    > $(VENV)/chromium.log 2>&1 || { tail -n 5 $(VENV)/chromium.log; \
	      echo "Chromium could not be installed: install it by hand and run 'make test' again."; exit 1; }; \
	  echo installed > $@; \
	else \
	  echo "==> Fetching Chromium for the browser tests (no root is needed)"; \
	  if $(BIN)/playwright install chromium > $(VENV)/chromium.log 2>&1; then echo fetched > $@; \
	  else : > $@; echo "No Chromium could be had: the browser tests are left out. With one on the PATH," \
	    "remove $@ and run 'make test' again."; fi; \
	fi
