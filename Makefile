# Every chore has one word; CI and people use the same ones. `make` alone lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SUDO   := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
T      ?= tests
# Workers of a test run; each has a PostgreSQL of its own.
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev system-packages demo test test-gpu check fix lock bench revision clean

help: ## list these words
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.ready ## install what the demo and a real installation need
setup-dev: $(VENV)/.ready-dev ## install what tests and linters need, too

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Ultralytics asks for opencv-python, which needs libGL; the headless build serves everywhere.
# Both install the same folder, so the one that is not wanted goes first.
$(VENV)/.ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[serve,agent]'
	@if $(BIN)/pip show --quiet opencv-python 2>/dev/null; then \
	  $(BIN)/pip uninstall --quiet --yes opencv-python && \
	  $(INSTALL) --force-reinstall --no-deps opencv-python-headless; fi
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(INSTALL) --editable '.[serve,agent,dev]'
	@touch $@

# What no wheel carries: a browser, a C compiler (for the stand-in NVML library), and Prometheus, whose
# two programs are taken out of Debian's package: installing it would start a service here.
system-packages:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	if [ -n "$$missing" ]; then \
	  echo "Installing$$missing with apt-get"; \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; fi
	@command -v promtool >/dev/null && command -v prometheus >/dev/null || { \
	  echo "Taking prometheus and promtool out of Debian's package"; \
	  folder=$$(mktemp -d) && cd $$folder && \
	  { apt-get download -qq prometheus 2>/dev/null || \
	    { $(SUDO) apt-get update -qq && apt-get download -qq prometheus; }; } && \
	  dpkg-deb --extract prometheus_*.deb unpacked && \
	  $(SUDO) install -m 755 unpacked/usr/bin/prometheus unpacked/usr/bin/promtool \
	    /usr/local/bin/ && rm -r $$folder; }

demo: setup ## try Berth here; SCRIPT=1 plays the story without a browser
	$(BIN)/berth demo $(if $(SCRIPT),--script) $(if $(PORT),--port $(PORT))

test: setup-dev system-packages ## run the tests; T=path runs some
	$(BIN)/pytest $(T) --numprocesses $(JOBS) --dist loadfile

test-gpu: setup-dev ## run the tests that need a real NVIDIA GPU
	$(BIN)/pytest -m gpu

check: setup-dev ## lint, types, layers, documents in step
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/architecture

fix: setup-dev ## repair what the linters can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## measure, side by side in one run
	$(BIN)/python -m benchmarks

revision: setup ## make a migration: make revision m="what changes"
	$(BIN)/alembic revision --autogenerate -m "$(m)"

lock: ## write constraints.txt anew from the newest releases that pyproject.toml allows
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet '.[serve,agent,dev]'
	( sed -n '/^#/p' constraints.txt; $(VENV)-lock/bin/pip freeze --exclude berth \
	  | sed -E 's/ @ .*//; s/\+cpu//' ) > constraints.new
	mv constraints.new constraints.txt && rm -rf $(VENV)-lock

clean: ## remove the environment, the demo and all caches
	rm -rf $(VENV) .berth-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis test-artifacts
