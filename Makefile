# Every target does its own set-up: a fresh machine needs Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo dev test lint bench campaign clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/supervisor-assets demo

dev: setup
	$(BIN)/supervisor-assets up

# The tests of one file stay together and in order; files are shared out among the cores, and one
# more than there are cores is at work, since many wait for processes that they have started.
WORKERS ?= $(shell n=$$(($$(nproc) + 1)); echo $$((n < 4 ? n : 4)))
test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks

campaign: setup
	$(BIN)/python -m pytest -m campaign --timeout 1800 -n 2 --dist loadfile
	$(BIN)/python -m leakset.run
