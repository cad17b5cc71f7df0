# Each target starts from a bare checkout with Python and pip: .venv is made when it is missing.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: all demo test check format docs-check clean bench help

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /: /'

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e ".[etl,scale]"
	touch $@

demo: $(STAMP)   ## simulate three species, build, ask, translate, and see how much of the truth came back
	$(BIN)/python tests/demo.py demo

test: $(STAMP)   ## all tests; those on real data run where ../shared/data lies beside the checkout
	$(BIN)/python -m pytest

check: $(STAMP)  ## lint, format, types, import rules, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_packaging.py

format: $(STAMP) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure; prints what benchmarks/RESULTS.md records
	$(BIN)/python benchmarks/build.py
	$(BIN)/python benchmarks/questions.py

clean:           ## remove what the targets made
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
