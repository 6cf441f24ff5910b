# Two commands are enough on a machine with Python 3.11, venv, pip and make:
#   make demo   runs the main job on real text
#   make test   passes all tests
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
PLUGINS := $(wildcard plugins/*)
READY := $(VENV)/.ready
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1

.PHONY: help setup demo demo-gemini demo-generate demo-providers browser bench-compare test test-sdk fuzz workers faults check bench bench-gemini bench-openai bench-postgresql bench-scale docs lock format clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## install everything, locked with hashes, into .venv

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: embedlane needs Python 3.11 or newer; try make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(BIN)/python: $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@touch $@

$(READY): $(BIN)/python requirements/dev.txt pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . $(PLUGINS:%=--editable %)
	@touch $@

demo: $(READY)  ## index the standard library's docstrings through both lanes and search them
	$(BIN)/python demo/standard_library.py

demo-gemini: $(READY)  ## the same over the wire: both Gemini SDKs against the local emulator
	$(BIN)/python demo/gemini.py

browser:  ## a Chromium for the test of the report, installed where it is missing and may be
	@command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null \
	    || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && echo "installing chromium" \
	        && apt-get -qq update > /dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium > /dev/null; } \
	    || echo "No Chromium is installed and none can be: the tests that open a report in it are skipped."

test: $(READY) browser  ## all tests
	$(BIN)/python -m pytest -n auto --dist worksteal -q

test-sdk: $(READY)  ## google-genai's own tests, in API mode, against the emulator
	$(BIN)/python plugins/embedlane-emulator/tests/sdk/run.py

fuzz: $(READY)  ## kill the batch lane at ten thousand of its boundaries; make fuzz POINTS=… SEED=…
	$(BIN)/python tests/fuzz/run.py --points $(or $(POINTS),10000) --seed $(or $(SEED),1) $(if $(POINT),--point $(POINT))

workers: $(READY)  ## four workers killed at random share 20,000 rows, on SQLite and PostgreSQL; make workers SEED=…
	$(BIN)/python tests/fuzz/workers.py --rows $(or $(ROWS),20000) --seed $(or $(SEED),1)

faults: $(READY)  ## every fault of the emulators, alone and in pairs; write docs/reference/faults.md
	$(BIN)/python tests/faults/run.py && $(BIN)/python docs/generate.py

bench-gemini: $(READY)  ## the Gemini plugins beside google-genai called directly
	$(BIN)/python bench/gemini.py

bench-postgresql: $(READY)  ## the ledger in PostgreSQL beside SQLite
	$(BIN)/python bench/postgresql.py

check: $(READY)  ## style, types, import contract, sizes and exported names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/test_architecture.py

demo-generate: $(READY)  ## requests to a model that generates: by file and inline, killed in the middle
	$(BIN)/python demo/generate.py

demo-providers: $(READY)  ## OpenAI and Gemini in one workspace, each index refusing the other's vectors
	$(BIN)/python demo/two_providers.py

bench: $(READY)  ## measure; prints, asserts nothing
	$(BIN)/python bench/run.py

bench-compare: $(READY)  ## MiniLM, its cut sizes and the hash model on 84 questions about the standard library
	$(BIN)/python bench/comparing.py

bench-openai: $(READY)  ## the OpenAI plugin beside the openai SDK called directly
	$(BIN)/python bench/openai_lanes.py

bench-scale: $(READY)  ## a million rows through the batch lane: rows/s of each stage, peak of memory
	$(BIN)/python bench/scale.py

docs: $(READY)  ## write the generated parts of the documentation
	$(BIN)/python docs/generate.py

lock: $(UV)  ## compile requirements/dev.in and the distributions' dependencies, with hashes
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
	    --override requirements/overrides.txt --all-extras \
	    pyproject.toml $(PLUGINS:%=%/pyproject.toml) requirements/dev.in --output-file requirements/dev.txt

format: $(READY)  ## format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what make and the tools made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
