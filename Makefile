# Two commands are enough: `make demo` runs the search site, `make test` proves that all is well.
# What they need is installed into .venv, from uv.lock, on first use.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo demo-down demo-ready dev-ready check check-code test simulate golden bench clean

BIN := .venv/bin
SITE := examples/search/site.yaml
SEED ?= 1
PYTEST := $(BIN)/pytest
WORKERS ?= auto
CODE := src sdk/src tests benchmarks examples/search

export PYTHON

help:
	@echo "make demo              start the search site on this machine"
	@echo "make demo-down         end it"
	@echo "make test              everything: style, walls, types, and all tests"
	@echo "make check             the quick part: style, walls, types, unit and golden tests"
	@echo "make simulate SEED=42  play one simulated history again"
	@echo "make golden            write the golden plans anew and show what changed"
	@echo "make bench             measure the running product, 15 minutes; JSON into build/bench/"
	@echo "make clean             remove .venv and every cache in this folder"

demo: demo-ready
	@$(BIN)/headway up $(SITE)
	@echo
	@echo "Try it:  search, and meanwhile kill -9 any replica"
	@echo "  $(BIN)/headway status --replicas   what runs, with its pids"
	@echo "  $(BIN)/headway why frontend        what Headway did about it, and why"
	@echo "  make demo-down                        end it"

demo-down:
	@if [ -x $(BIN)/headway ]; then $(BIN)/headway down --site search --yes; else echo "Nothing is installed, so nothing runs."; fi

demo-ready:
	@tools/prepare demo

dev-ready:
	@tools/prepare dev

check: check-code
	@echo "== unit and golden tests"
	@$(PYTEST) -q -n $(WORKERS) tests/unit tests/golden tests/test_house.py

check-code: dev-ready
	@echo "== style"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@echo "== walls"
	@$(BIN)/lint-imports --no-logo
	@echo "== types"
	@MYPYPATH=examples/search $(BIN)/mypy $(CODE)

test: check-code
	@echo "== tests"
	@$(PYTEST) -n $(WORKERS)

simulate: dev-ready
	@SEED=$(SEED) $(PYTEST) tests/simulation

golden: dev-ready
	@HEADWAY_GOLDEN=write $(PYTEST) -q tests/golden
	@git --no-pager diff --stat -- tests/golden
	@git --no-pager diff -- tests/golden
	@git status --short -- tests/golden

bench: dev-ready
	@$(BIN)/python -m benchmarks.skeleton --out build/bench

clean:
	@if [ -x $(BIN)/headway ] && $(BIN)/headway status >/dev/null 2>&1; then \
		echo "A site still runs from here: $(BIN)/headway down, then make clean."; exit 1; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
