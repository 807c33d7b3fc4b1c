# Every target sets up what it needs by itself, in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check install --quiet

export PIP_REQUIRE_VIRTUALENV := 1

.PHONY: help demo test test-browser test-lowest wheel clean

help:  ## List the targets.
	@awk '/^[a-z-]+:.*## / {name = $$1; sub(/:.*/, "", name); sub(/.*## +/, ""); \
	  printf "%-14s%s\n", name, $$0}' $(MAKEFILE_LIST)

demo: $(VENV)/runs  ## Image a real neuron, reconstruct it, score it: demo_output/.
	$(BIN)/python examples/demo.py

test: $(VENV)/develops  ## Lint, types, layers, tests (those of the report if there is a browser).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest
	@found=$$($(BIN)/python tests/browser/browser.py) || echo "left out: tests/browser ($$found)"

test-browser: $(VENV)/develops  ## The HTML report in a headless browser; fails without one.
	NEURORECON_REQUIRE_BROWSER=1 $(BIN)/pytest tests/browser

test-lowest: $(LOWEST)/develops  ## The tests on the lowest versions that pyproject.toml allows.
	$(LOWEST)/bin/pytest

wheel: $(VENV)/develops  ## Build dist/neurorecon-*.whl, models included.
	$(BIN)/python -m hatchling build --target wheel

clean:  ## Remove environments, caches and everything built.
	rm -rf $(VENV) $(LOWEST) dist demo_output .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python $(LOWEST)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	  "neurorecon needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(@D:/bin=)

# The stamps: an install is repeated only where pyproject.toml is newer than the last one.
$(VENV)/runs: pyproject.toml | $(VENV)/bin/python
	@echo "installing neurorecon and what it needs into $(VENV) (once; PyTorch is large)"
	$(BIN)/python $(PIP) --editable .
	@touch $@

$(VENV)/develops: pyproject.toml | $(VENV)/bin/python
	@echo "installing neurorecon and its tools into $(VENV) (once; PyTorch is large)"
	$(BIN)/python $(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/runs

$(LOWEST)/develops: pyproject.toml constraints/lowest.txt | $(LOWEST)/bin/python
	$(LOWEST)/bin/python $(PIP) --constraint constraints/lowest.txt --editable '.[dev]'
	@touch $@
