"""Why no backup was taken."""


class CannotTake(Exception):
    """No backup was taken; the message says what happened and what to do. Nothing half-done is left."""


class WayClosed(CannotTake):
    """The server does not let its data out in this way; it may in another."""
