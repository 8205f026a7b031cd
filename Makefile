# One line a target: `make help` prints them.
PYTHON ?= python3
VENV   := .venv
UV     := $(VENV)/bin/uv
MLCLOUD := $(VENV)/bin/mlcloud
STACK  ?= local-dev

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-down check test test-image

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# uv comes into the project's own environment, so that nothing but Python is needed on the machine.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"mlcloud needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 ...")'
	@echo "Making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

# --inexact: what `make test` added stays when `make demo` runs after it.
setup: $(UV) ## install what a stack needs into .venv
	@$(UV) sync --frozen --inexact --quiet
	@$(MLCLOUD) env > /dev/null

setup-dev: $(UV) ## install what the checks and tests need, too
	@$(UV) sync --frozen --inexact --quiet --group dev

demo: setup ## train a model on real data, serve it here, and predict over HTTP
	@$(MLCLOUD) up $(STACK) --yes
	@$(MLCLOUD) predict $(STACK) --sample
	@$(MLCLOUD) status $(STACK)

demo-down: setup ## end everything that `make demo` started
	@$(MLCLOUD) destroy $(STACK) --yes

check: setup-dev ## formatting, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright

test: setup-dev ## the whole test suite, in under 15 minutes on two cores
	$(VENV)/bin/pytest -n 2

test-image: setup-dev ## build the container's image with buildah, and run it: as root, with a network, in minutes
	@cd tests && ../$(VENV)/bin/python -m support.image_build
	@MLCLOUD_TEST_IMAGE=1 $(VENV)/bin/pytest tests/image
