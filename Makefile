# On a fresh machine with Python 3.11 or newer: `make run` or `make test`. Everything lands in .venv and workspace/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install run test cluster faults lint bench sanitize clean

install: $(INSTALLED)

run: $(INSTALLED)
	$(BIN)/dsn run studies/quickstart.yaml

HOSTS := tests/cluster
# Two files at a time, in the order of the tree: the longest are in its first half, so that none is left over at the end.
TWO_FILES_AT_A_TIME := -n 2 --dist loadfile --no-loadscope-reorder

test: $(INSTALLED)
	$(BIN)/pytest $(TWO_FILES_AT_A_TIME) $(HOSTS:%=--ignore=%)

# Studies over two hosts, which the tests make of namespaces on this machine: as root, with iproute2, openssh-server, rsync.
cluster: $(INSTALLED)
	$(BIN)/pytest $(HOSTS)

# Everything that a study must survive, really caused; ends with a table of it.
faults: $(INSTALLED)
	$(BIN)/pytest $(TWO_FILES_AT_A_TIME) -m fault tests/e2e tests/faults

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The native engine's tests once for each instruction set of this processor, under AddressSanitizer and UBSan. Needs g++.
SANITIZED := build/sanitized
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
NATIVE_TESTS := tests/contracts/test_engines.py $(wildcard tests/dsn/test_native_*.py) tests/dsn/native/test_native_library.py
# Python is not built with the sanitizers, so their run-time library must come first, and the one it wraps with it.
UNDER_SANITIZERS = PYTHONPATH=$(SANITIZED) ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)"

sanitize: $(INSTALLED)
	rm -rf $(SANITIZED)
	CXX=g++ CXXFLAGS='$(SANITIZERS) -UNDEBUG' LDFLAGS='$(SANITIZERS)' \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(SANITIZED) .
	sets=$$($(UNDER_SANITIZERS) $(BIN)/python -P -c 'from dsn.native.library import *; load_library(); print(*instruction_sets())') && \
	for set in $$sets; do \
		echo "$$set:"; $(UNDER_SANITIZERS) DSN_INSTRUCTION_SET=$$set $(BIN)/pytest -q -k 'not torch' $(NATIVE_TESTS) || exit 1; \
	done

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info dsn/native/*.so

$(INSTALLED): pyproject.toml constraints.txt setup.py $(wildcard dsn/native/*.cpp dsn/native/*.hpp)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m dsn.native
	touch $@
