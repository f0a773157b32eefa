# make demo, make test: everything a newcomer needs; PYTHON picks an interpreter of 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-real lint clean

demo: .venv/demo
	$(BIN)/ssrec train sweep=demo
	$(BIN)/ssrec table outputs/demo

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pytest --numprocesses auto --dist worksteal

# Slow checks on real data, and the full grid of combinations; SSREC_DATA names the folder of the datasets.
test-real: .venv/test
	$(BIN)/pytest -m "real or grid"

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ssrec needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv dist build *.egg-info .pytest_cache .ruff_cache .hypothesis
