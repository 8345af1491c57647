# Every target does its own set-up: a fresh machine needs Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo dev test e2e screenshots lint bench campaign clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/supervisor-assets demo

dev: setup
	$(BIN)/supervisor-assets up

# Tests start hundreds of processes, which are sooner at work where Python may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

# The tests of one file stay together and in order; files are shared out among the cores, and one
# more than there are cores is at work, since many wait for processes that they have started.
WORKERS ?= $(shell n=$$(($$(nproc) + 1)); echo $$((n < 4 ? n : 4)))
test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# The pages in a real browser: Debian's chromium, since Playwright's own can't be had everywhere.
CHROMIUM := /usr/bin/chromium
.venv/.e2e: .venv/.ready
	@test -x $(CHROMIUM) || { apt-get update -qq && apt-get install -qq -y chromium; } || \
		{ echo "No $(CHROMIUM), and it may not be installed: as root, apt-get install chromium"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,e2e]'
	touch $@

e2e: setup .venv/.e2e
	$(BIN)/python -m pytest -m e2e --timeout 600 -n 2 --dist loadfile tests/e2e

screenshots: setup .venv/.e2e
	$(BIN)/python docs/screenshots.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks

campaign: setup .venv/.e2e
	$(BIN)/python -m pytest -m 'campaign and not e2e' --timeout 1800 -n 2 --dist loadfile
	$(BIN)/python -m pytest -m e2e --timeout 600 -n 2 --dist loadfile tests/e2e
	$(BIN)/python -m leakset.run
