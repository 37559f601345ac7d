# One plain command each. `make` alone lists them.

VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEMO   := .demo
PYTEST ?= -n auto

# Byte code is worth writing: without it every start of the program pays for compiling itself.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs verify bench compat soak clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment with everything in it

$(READY): pyproject.toml requirements-dev.txt constraints.txt $(wildcard plugins/*/pyproject.toml)
	@python=""; \
	for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  if "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null; then \
	    python="$$name"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer was found." >&2; \
	  echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2; \
	  echo "or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if [ ! -x $(BIN)/python ]; then \
	  echo "Making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "The module venv does not work here (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }; fi
	@echo "Installing the project and its tools"
	@# One build tool for all projects of the workspace, instead of an isolated copy of it for each; and the
	@# one pyftpdlib wants, which from Python 3.12 on does not come with a virtual environment any more.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv_build setuptools
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-build-isolation -c constraints.txt -r requirements-dev.txt
	@touch $@

demo: $(READY) ## run an example workflow that does something real
	@DAGU_HOME="$(CURDIR)/$(DEMO)/home" \
	  $(BIN)/dagu start docs/examples/report.yaml -- "DIR=$(CURDIR)/$(DEMO)"
	@echo "The report is $(DEMO)/report.md. To look at the run:"
	@echo
	@echo "  export DAGU_HOME=\"$(CURDIR)/$(DEMO)/home\" PATH=\"$(abspath $(BIN)):\$$PATH\""
	@echo "  dagu status report       # the latest run: its tree, its times, its logs"
	@echo "  dagu history report      # every run of it"
	@echo "  dagu why report          # why each step did what it did"

test: $(READY) ## run the tests
	$(BIN)/python -m pytest $(PYTEST)

check: $(READY) ## format, lint, types, floors, the rules of the house, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pytest -q tests/house

docs: $(READY) ## write the reference pages anew and build the site
	$(BIN)/python docs/generate.py
	@if [ -x $(BIN)/zensical ]; then $(BIN)/zensical build --strict; \
	else echo "No site was built: $(BIN)/pip install zensical"; fi

verify: $(READY) ## at a release: run the suites of plugins whose reports are stale, write them anew
	DAGU_HOME="$(CURDIR)/$(DEMO)/verify" DAGU_TEST_REQUIRE=all $(BIN)/dagu plugin verify --all --stale
	DAGU_TEST_RELEASE=1 $(BIN)/python -m pytest -q tests/house/test_reports.py

bench: $(READY) ## compare with the real Dagu and with ninja
	$(BIN)/python -m compileall -q dagu_core dagu_server
	$(BIN)/python -m bench.run $(BENCH)

compat: $(READY) ## run the scenarios beside the real Dagu and compare
	DAGU_PEER="$$($(BIN)/python -m bench.tools)" $(BIN)/python -m pytest $(PYTEST) tests/scenarios

soak: $(READY) ## kill its processes for minutes while it works: SOAK="--minutes 2", SOAK="--fires 1000"
	$(BIN)/python -m tests.soak.run $(SOAK)

clean: ## remove what the other commands made
	rm -rf $(VENV) $(DEMO) site dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
