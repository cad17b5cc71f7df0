# Each target starts from a bare checkout with Python and pip: .venv is made when it is missing.
PYTHON ?= python3
# Python 3.13: pyenv's where it has one, else the one on the path.
PYTHON_NEWEST ?= $(or $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python)),python3.13)
# Python 3.11, the oldest that is supported, likewise.
PYTHON_LOWEST ?= $(or $(firstword $(wildcard $(HOME)/.pyenv/versions/3.11*/bin/python)),python3.11)
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests that run with the lowest versions: all quick ones, or only those that depend on versions (LOWEST=versions).
LOWEST ?= not slow or versions
TESTS  := $(BIN)/python -m pytest -n 2 --dist worksteal
# Many tests start a Python of their own: it is to find the code compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: all demo starter test test-all test-newest test-lowest coverage check lint docs format kills faults fuzz clean bench help

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /: /'

$(STAMP): pyproject.toml constraints.txt
	@echo "installing the development tools into $(VENV), once: some 3 GB"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e ".[etl,cells,scale]"
	touch $@

demo: .venv-demo/.installed ## real cells in human genes, integrated, scored, labelled; in an environment of its own, 1.4 GB
	.venv-demo/bin/homodb demo -o demo

.venv-demo/.installed: pyproject.toml constraints.txt
	@echo "installing homodb into .venv-demo, once: some 1.4 GB"
	test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt ".[cells]"
	touch $@

starter: $(STAMP) ## the starter release from its inputs, in releases/starter-2026.1: the same bytes
	$(BIN)/python releases/starter.py build

test: $(STAMP)   ## the quick tests, in some six minutes on two cores: all but those marked slow
	$(TESTS) -m "not slow"

test-all: $(STAMP) ## all tests, in some half an hour; those on real data run where ../shared/data lies beside the checkout
	$(TESTS)

test-newest: .venv-newest/.installed ## the quick tests with the newest versions on Python 3.13, without torch
	.venv-newest/bin/python -m pytest -n 2 --dist worksteal -m "not slow or versions"

.venv-newest/.installed: pyproject.toml constraints-newest.txt
	test -x .venv-newest/bin/python || $(PYTHON_NEWEST) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv-newest/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints-newest.txt --group test -e ".[cells,scale]"
	touch $@

test-lowest: .venv-lowest/.installed ## the quick tests with the lowest versions that pyproject allows on Python 3.11, without torch
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal -m "$(LOWEST)"

.venv-lowest/.installed: pyproject.toml constraints-lowest.txt
	test -x .venv-lowest/bin/python || $(PYTHON_LOWEST) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv-lowest/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints-lowest.txt --group test -e ".[cells,scale]"
	touch $@

coverage: $(STAMP) ## all tests, and which lines they leave out in their own processes
	$(TESTS) --cov --cov-report=term

check: lint      ## lint, format, types, import rules, size of the house, docs and their tests
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_packaging.py
	$(MAKE) docs

lint: $(STAMP)   ## lint, format, types, import rules, size of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python benchmarks/house.py

docs: $(STAMP)   ## the site of the documentation, in site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html, or: $(BIN)/mkdocs serve"

format: $(STAMP) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

kills: $(STAMP)  ## end builds, downloads and the rest by kill -9, twenty-five times each, and see that they go on
	HOMODB_KILLS=25 $(BIN)/python -m pytest -q tests -k "kill or killed"

faults: $(STAMP) ## 200 random sequences of a bad network's faults
	HOMODB_FAULTS=200 $(BIN)/python -m pytest -q -s tests/etl/test_fetch.py tests/query/test_download.py -k "sequences or Faults or tally"

fuzz: $(STAMP)   ## a minute of atheris for each reader of files from outside (HOMODB_FUZZ=600: ten), 5,000 damaged h5ad files
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "atheris>=2.3"
	$(BIN)/python tests/fuzz/run.py --seconds $(or $(HOMODB_FUZZ),60)
	$(BIN)/homodb build tests/toy/release.toml -o build/fuzz-release
	$(BIN)/python tests/fuzz/cells.py build/fuzz-release --mutations $(or $(HOMODB_MUTATIONS),5000)

bench: $(STAMP)  ## measure; prints what benchmarks/RESULTS.md records
	$(BIN)/python benchmarks/build.py
	$(BIN)/python benchmarks/questions.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/orthobench.py
	$(BIN)/python benchmarks/matching.py
	$(BIN)/python benchmarks/index.py
	$(BIN)/python benchmarks/esm2.py
	$(BIN)/python benchmarks/translate.py
	$(BIN)/python benchmarks/transfer.py
	$(BIN)/python benchmarks/integrate.py

clean:           ## remove what the targets made
	rm -rf $(VENV) .venv-demo .venv-newest .venv-lowest demo dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
