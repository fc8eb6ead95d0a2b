"""The last reading of a server as its row holds it."""

import msgspec

from portal.operations.watching.readings import Reading


def stored(reading: Reading) -> object:
    """Return a reading as JSON can hold it."""
    return msgspec.to_builtins(reading)


def reading_of(found: object) -> Reading | None:
    """Return a stored reading; None for one that another version of this program wrote, which is soon replaced."""
    try:
        return msgspec.convert(found, Reading) if found else None
    except msgspec.ValidationError:
        return None
