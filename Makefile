PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest
# What pytest ends with when ARGS choose none of a kind.
NO_TESTS = 5
INSTALL = $(PYTHON) portal/runner/bootstrap.py --only-install --requirements requirements-dev.txt

export VENV

.PHONY: run test fast lint bench drill install apt

run:
	@$(PYTHON) portal/runner/bootstrap.py

install: apt
	@$(INSTALL)

# The servers and the browser that the whole suite needs; as root on Debian they are installed when missing.
apt:
	@sh tests/install-debian-packages.sh

# A browser test leaves an event loop running, in which Django refuses the database: those run by themselves.
test: install
	$(PYTEST) -n 2 --dist loadgroup -m "not browser and not alone" $(ARGS)
	$(PYTEST) -m alone $(ARGS) || test $$? -eq $(NO_TESTS)
	TEST_DATABASE=mariadb $(PYTEST) -n 2 --dist loadgroup -m "not browser and not slow and not alone" $(ARGS)
	$(PYTEST) -m browser $(ARGS) || test $$? -eq $(NO_TESTS)
	TEST_DATABASE=mariadb $(PYTEST) -m browser tests/whole/test_http.py

fast:
	@$(INSTALL)
	@$(PYTEST) -q -m "not server and not browser and not slow and not django_db" tests

lint:
	@$(INSTALL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	@$(BIN)/python -m bench $(ARGS)

# For operators: on this machine, in a temporary folder, with what `make run` needs.
drill:
	@$(PYTHON) portal/runner/bootstrap.py --only-install
	@$(BIN)/python -m drill $(ARGS)
