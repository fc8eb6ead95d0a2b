"""Why a restore ended without its work done."""


class CannotRestore(Exception):
    """Nothing was changed; the message says why, and what to do."""


class RestoreFailed(Exception):
    """Something was changed, and not all is well; the message says what, and what to do."""
