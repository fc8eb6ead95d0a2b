PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test fast lint bench install apt

run:
	@$(PYTHON) portal/runner/bootstrap.py

install: apt
	@VENV=$(VENV) $(PYTHON) portal/runner/bootstrap.py --only-install --requirements requirements-dev.txt

# The servers and the browser that the whole suite needs; as root on Debian they are installed when missing.
apt:
	@sh tests/install-debian-packages.sh

test: install
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --mariadb $(ARGS)

fast:
	@$(BIN)/python -m pytest -q -m "not server and not browser and not slow and not django_db" tests

lint:
	@VENV=$(VENV) $(PYTHON) portal/runner/bootstrap.py --only-install --requirements requirements-dev.txt
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m bench
