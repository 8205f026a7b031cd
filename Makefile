# One line a target: `make help` prints them.
PYTHON ?= python3
VENV   := .venv
UV     := $(VENV)/bin/uv
MLCLOUD := $(VENV)/bin/mlcloud
STACK  ?= local-dev

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-down check test test-browser test-faults test-image record-engine soak

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# uv comes into the project's own environment, so that nothing but Python is needed on the machine: in the
# version that uv.lock names, so that it is downloaded once.
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"mlcloud needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 ...")'
	@echo "Making the environment in $(VENV), once; packages come from PyPI"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'

# The environment and its Python are this project's, whatever the shell that calls make has set.
# --inexact: what `make test` added stays when `make demo` runs after it.
UV_SYNC = VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --inexact --python $(VENV)/bin/python

# Of what uv says, people see which downloads are on their way, and every warning and error. The pipe hides
# uv's exit status, so the last line looks whether all is there.
define sync
	@$(UV_SYNC) $(1) --check --quiet 2> /dev/null || { \
	  $(UV_SYNC) $(1) 2>&1 | sed $(foreach word,[-+~] Building Built Downloaded Prepared Uninstalled Resolved,-e '/^ *$(word) /d') \
	    -e 's/^Downloading/  &/' -e 's/^Installed/  &/'; \
	  $(UV_SYNC) $(1) --check --quiet 2> /dev/null; }
endef

setup: $(UV) ## install what a stack needs into .venv
	$(call sync)
	@$(MLCLOUD) env > /dev/null

setup-dev: $(UV) ## install what the checks and tests need, too
	$(call sync,--group dev)

demo: setup ## train a model on real data, serve it here, and predict over HTTP
	@$(MLCLOUD) up $(STACK) --yes
	@echo
	@$(MLCLOUD) predict $(STACK) --sample
	@echo
	@echo "It serves until \`make demo-down\`. Next: $(MLCLOUD) status $(STACK)"

demo-down: setup ## end everything that `make demo` started
	@$(MLCLOUD) destroy $(STACK) --yes

check: setup-dev ## formatting, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright

# Three: a part of the tests waits for processes and for time to go by.
test: setup-dev ## the whole test suite, in under 15 minutes on two cores
	$(VENV)/bin/pytest -n 3

test-browser: setup-dev ## install Debian's chromium where there is none, and look at the status page in it: as root
	@command -v chromium > /dev/null || { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends chromium; }
	@MLCLOUD_TEST_BROWSER=1 $(VENV)/bin/pytest tests/browser

test-image: setup-dev ## build the container's image with buildah, and run it: as root, with a network, in minutes
	@cd tests && ../$(VENV)/bin/python -m support.image_build
	@MLCLOUD_TEST_IMAGE=1 $(VENV)/bin/pytest tests/image

record-engine: setup-dev ## record anew what the Pulumi CLI answers to the engine's scenarios: with `pulumi` on PATH, in minutes
	@cd tests && ../$(VENV)/bin/python -m support.scenarios.record

test-faults: setup-dev ## every kill of the local cloud's own resources that `make test` takes a part of: in minutes
	MLCLOUD_TEST_FAULTS=1 $(VENV)/bin/pytest -n 2 tests/engine/test_faults_steps.py tests/engine/test_faults_local_kills.py

soak: setup-dev ## 10 minutes of traffic, swaps and killed servers: nothing is lost, memory stays flat (SOAK_MINUTES=1)
	$(VENV)/bin/pytest -s -m soak tests/soak
