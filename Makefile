# Rxplain. `make` tells what each target does. Needs Python 3.11 to 3.13, make and PyPI; no root, nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-quick test-quick-data test-quick-models serve bench lint lock clean

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
PIP   := $(BIN)/python -m pip --disable-pip-version-check
OURS  := features models training serving

# The first Python that will do; `make PYTHON=/path/to/python3.12 ...` chooses another.
ifndef PYTHON
FITS   := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
            $$p -c '$(FITS)' >/dev/null 2>&1 && { echo $$p; break; }; done)
endif

# Neither library is to report home.
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export DO_NOT_TRACK := true

help: ## tell what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(READY) ## install Rxplain and everything it needs, each package checked by hash, into .venv

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found; say where one is: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --requirement requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q $(OURS)
	@touch $@

demo: $(READY) ## real patients to an explained warfarin dose: data, training, gates, a live server, a page
	$(BIN)/rxplain demo

test: $(READY) ## every test, quick and slow
	$(BIN)/python -m pytest

test-quick: $(READY) ## the quick tests, under a minute
	$(MAKE) --no-print-directory --jobs=2 test-quick-data test-quick-models

# Two processes, each a half of the quick tests.
test-quick-data: $(READY)
	$(BIN)/python -m pytest -q -m "not slow" tests/features tests/house

test-quick-models: $(READY)
	$(BIN)/python -m pytest -q -m "not slow" tests --ignore=tests/features --ignore=tests/house

serve: $(READY) ## answer over HTTP at http://127.0.0.1:8000 with the promoted models
	$(BIN)/rxplain serve

bench: $(READY) ## measure speed and write benchmarks/results.md
	$(BIN)/python -m benchmarks

lint: $(READY) ## style (ruff) and types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: $(READY) ## resolve requirements.lock anew from pyproject.toml, newest versions
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-header --no-emit-index-url --no-emit-find-links --all-extras pyproject.toml --output-file requirements.lock

clean: ## remove .venv and caches; var and data, which hold your results, stay
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info
	find $(OURS) tests benchmarks notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
