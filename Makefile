PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(PYTHON) portal/runner/bootstrap.py --only-install --requirements requirements-dev.txt

export VENV

.PHONY: run test fast lint bench install apt

run:
	@$(PYTHON) portal/runner/bootstrap.py

install: apt
	@$(INSTALL)

# The servers and the browser that the whole suite needs; as root on Debian they are installed when missing.
apt:
	@sh tests/install-debian-packages.sh

test: install
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)
	TEST_DATABASE=mariadb $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

fast:
	@$(INSTALL)
	@$(BIN)/python -m pytest -q -m "not server and not browser and not slow and not django_db" tests

lint:
	@$(INSTALL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m bench
