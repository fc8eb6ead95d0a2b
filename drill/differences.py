"""What is not as it was, in sentences; none when everything came back."""

from collections.abc import Iterator

from drill.findings import OVERRIDES, POLICIES, REVISIONS, Found, Held, Key

_WHAT = {POLICIES: "A policy", OVERRIDES: "An override", REVISIONS: "A revision"}


def differences(before: Found, *, after: Found, now_ms: int) -> list[str]:
    """Return a sentence for each thing that is not as it was; a key whose time is over by now may be gone."""
    return [
        *_of_keys(_alive(before, now_ms=now_ms), after=_alive(after, now_ms=now_ms)),
        *_of_functions(before, after=after),
        *_of_rows(before, after=after),
    ]


def alive_keys(found: Found, *, now_ms: int) -> int:
    """Return how many keys have not expired."""
    return len(_alive(found, now_ms=now_ms))


def _alive(found: Found, *, now_ms: int) -> dict[Key, Held]:
    return {key: held for key, held in found.keys.items() if not 0 <= held.expires_at_ms <= now_ms}


def _of_keys(before: dict[Key, Held], *, after: dict[Key, Held]) -> Iterator[str]:
    for key, held in before.items():
        there = after.get(key)
        if there is None:
            yield f"{key} is missing."
        elif there.meaning != held.meaning:
            yield f"{key} holds something else than before."
        elif there.expires_at_ms != held.expires_at_ms:
            yield f"{key} expires at {there.expires_at_ms}, and was to at {held.expires_at_ms} (ms; -1 is never)."
    yield from (f"{key} was not there before." for key in after.keys() - before.keys())


def _of_functions(before: Found, *, after: Found) -> Iterator[str]:
    for name in before.functions.keys() | after.functions.keys():
        if before.functions.get(name) != after.functions.get(name):
            yield f"The function library {name} is not as it was."


def _of_rows(before: Found, *, after: Found) -> Iterator[str]:
    for table, what in _WHAT.items():
        yield from (f"{what} is missing: {dict(row)}." for row in before.rows[table] - after.rows[table])
        # What brought them back left revisions of its own.
        surplus = after.rows[table] - before.rows[table] if table != REVISIONS else ()
        yield from (f"{what} was not there before: {dict(row)}." for row in surplus)
