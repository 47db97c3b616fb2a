# The whole developer interface; `make` lists it.
# Everything sets itself up: Python 3.11 or newer, pip, git and make are enough.

PYTHON ?= python3
ARGS ?=
ROUNDS ?= 20
RUNS ?= 300

VENV := .venv
GATEHOST := $(VENV)/bin/gatehost
INSTALLED := $(VENV)/.installed

# pyright runs on the Node of its own wheel, never on one that happens to be here, and looks for no news.
export PYRIGHT_PYTHON_GLOBAL_NODE := off
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# ruff sorts imports by which files exist, and its cache does not notice a new one: hence --no-cache in `lint`.

.DEFAULT_GOAL := help
.PHONY: help demo test lint check bench bench-worst-case soak lock setup clean stop-engine

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## watch an agent work on real, sandboxed servers: no key, no account
	@$(GATEHOST) demo $(ARGS)
	@.ci/engine-note

test: $(INSTALLED) ## set up and run the tests; ARGS="-k name" picks some
	@.ci/with-engine $(VENV)/bin/pytest $(ARGS)

lint: $(INSTALLED) ## ruff, pyright (strict) and import-linter
	@$(VENV)/bin/ruff check --no-cache .
	@$(VENV)/bin/ruff format --no-cache --check .
	@$(VENV)/bin/pyright
	@$(VENV)/bin/lint-imports

check: lint test ## everything that must pass before a commit

bench: $(INSTALLED) ## the costs of governing, as ratios
	@.ci/with-engine $(VENV)/bin/python -m benchmarks $(ARGS)

bench-worst-case: $(INSTALLED) ## an obedient model, invented worlds, every attack: what gets through, what is asked
	@$(VENV)/bin/python -m benchmarks.worst_case $(ARGS)

soak: $(INSTALLED) ## 300 runs twice over (RUNS=300), then the sandbox tests again and again (ROUNDS=20); nothing may be left
	@.ci/with-engine .ci/soak $(ROUNDS) $(RUNS)

lock: $(INSTALLED) ## write the hash-pinned locks; ARGS=--upgrade takes newer versions
	@$(VENV)/bin/python .ci/lock.py $(ARGS)

setup: $(INSTALLED) ## install the program, an engine where there is none (as root), and the runtime image
	@$(GATEHOST) sandbox build --install

stop-engine: ## stop the Docker engine, if set-up started it by hand
	@if [ -x $(GATEHOST) ]; then $(GATEHOST) sandbox prune --engine; fi

clean: ## remove what was built here; state and images stay
	@rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.lock pyproject.toml .ci/install
	@PYTHON="$(PYTHON)" .ci/install $(VENV)
	@touch $@
