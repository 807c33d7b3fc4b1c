# Every target sets up what it needs by itself, in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
CLEAN := .venv-wheel
SNAKEMAKE := .venv-snakemake
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check install --quiet

export PIP_REQUIRE_VIRTUALENV := 1

# Tests in two processes, each of which keeps to one core.
ONE_CORE := OMP_NUM_THREADS=1
AT_ONCE := --numprocesses 2 --dist worksteal

.PHONY: help demo test test-browser test-napari test-snakemake test-bioio test-lowest docs pictures stress fuzz wheel check-wheel clean

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
	$(ONE_CORE) $(BIN)/pytest $(AT_ONCE) --cov=neurorecon --cov-report=
	@echo "lines of the package that the tests ran: $$($(BIN)/coverage report --format=total) %"
	@found=$$($(BIN)/python tests/browser/browser.py) || echo "left out: tests/browser ($$found)"

test-browser: $(VENV)/develops  ## The HTML report in a headless browser; fails without one.
	NEURORECON_REQUIRE_BROWSER=1 $(BIN)/pytest tests/browser

test-napari: $(VENV)/napari  ## The napari plugin in napari, headless: needs Xvfb or a screen.
	@command -v Xvfb >/dev/null || test -n "$$DISPLAY" || { \
	  echo "no screen and no Xvfb; install it (Debian: apt-get install xvfb libegl1 libgl1)" >&2; exit 1; }
	$(BIN)/pytest tests/napari_plugin

test-snakemake: $(VENV)/develops $(SNAKEMAKE)/runs  ## The Snakemake pipeline of examples/.
	PATH="$$PATH:$(CURDIR)/$(SNAKEMAKE)/bin" $(BIN)/pytest tests/cli/test_examples.py

test-bioio: $(VENV)/bioio  ## CZI, ND2 and LIF with BioIO's readers; fails where one is missing.
	$(BIN)/python -c 'import bioio_czi, bioio_lif, bioio_nd2'  # what is missing fails here, and is not left out
	$(BIN)/pytest tests/io/test_bioio.py

test-lowest: $(LOWEST)/develops  ## The tests on the lowest versions that pyproject.toml allows.
	$(ONE_CORE) $(LOWEST)/bin/pytest $(AT_ONCE)

# Without --quiet, with which MkDocs counts no warning.
docs: $(VENV)/documents  ## Build the documentation: build/site/index.html. A warning is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo build/site/index.html

pictures: $(VENV)/develops  ## Draw the pictures of the documentation again: docs/images/.
	$(BIN)/python docs/pictures.py

stress: $(VENV)/develops check-wheel test-lowest  ## All cases of docs/reliability.md, and its table.
	$(BIN)/python tests/robustness/stress.py

SECONDS_EACH ?= 1800
READERS ?= tiff zarr file swc model pairs verdicts
fuzz: $(VENV)/develops  ## Random damage to each reader, half an hour each (SECONDS_EACH=1800).
	for reader in $(READERS); do \
	  $(BIN)/python tests/robustness/fuzz.py $$reader --seconds $(SECONDS_EACH) || exit 1; done

wheel: $(VENV)/develops  ## Build dist/neurorecon-*.whl, models included.
	$(BIN)/python -m hatchling build --target wheel

check-wheel: wheel  ## The wheel in a clean environment: it segments and traces with its model.
	rm -rf $(CLEAN) && $(PYTHON) -m venv $(CLEAN)
	$(CLEAN)/bin/python $(PIP) dist/neurorecon-*.whl
	$(CLEAN)/bin/python tests/wheel_check.py

clean:  ## Remove environments, caches and everything built.
	rm -rf $(VENV) $(LOWEST) $(CLEAN) $(SNAKEMAKE) dist build demo_output .coverage .pytest_cache .mypy_cache .ruff_cache
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

$(VENV)/documents: pyproject.toml | $(VENV)/develops
	$(BIN)/python $(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/napari: pyproject.toml | $(VENV)/develops
	$(BIN)/python $(PIP) --editable '.[napari]'
	@touch $@

$(VENV)/bioio: pyproject.toml | $(VENV)/develops
	$(BIN)/python $(PIP) --editable '.[bioio]'
	@touch $@

# In a place of its own: it pins some forty packages.
$(SNAKEMAKE)/runs:
	$(PYTHON) -m venv $(SNAKEMAKE)
	$(SNAKEMAKE)/bin/python $(PIP) 'snakemake>=9'
	@touch $@

$(LOWEST)/develops: pyproject.toml constraints/lowest.txt | $(LOWEST)/bin/python
	$(LOWEST)/bin/python $(PIP) --constraint constraints/lowest.txt --editable '.[dev]'
	@touch $@
