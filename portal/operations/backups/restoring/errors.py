"""Why a restore ended without its work done."""


class CannotRestore(Exception):
    """Nothing was changed; the message says why, and what to do."""


class RestoreFailed(Exception):
    """Something was changed, and not all is well; the message says what, and what to do."""


def reason_of(error: Exception) -> str:
    """Return an error's own words without their full stop: they stand within a sentence."""
    return str(error).rstrip(".")
