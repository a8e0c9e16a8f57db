# On a fresh machine with Python 3.11 or newer: `make run` or `make test`. Everything lands in .venv and workspace/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install run test lint clean

install: $(INSTALLED)

run: $(INSTALLED)
	$(BIN)/dsn run studies/quickstart.yaml

test: $(INSTALLED)
	$(BIN)/pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info dsn/native/*.so

$(INSTALLED): pyproject.toml constraints.txt setup.py $(wildcard dsn/native/*.cpp dsn/native/*.hpp)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m dsn.native
	touch $@
