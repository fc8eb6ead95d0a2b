"""Why `make run` does not start."""


class CannotStart(Exception):
    """Says in plain lines why the portal cannot start here."""
