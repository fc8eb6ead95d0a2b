"""Counted clients as people read them: users by their names, and what an address stands in for."""

from collections.abc import Iterable, Mapping, Sequence

from limits import subjects
from limits.core.client_keys import ClientKey
from limits.core.counted_clients import Part, parts_of
from limits.identity import EVERYONE, UNKNOWN


def in_words(clients: Iterable[str], *, by_name: bool) -> dict[str, str]:
    """Return how to show each client to people: `203.0.113.9, not logged in`. Users by id alone, unless `by_name`."""
    parts = {client: parts_of(client) for client in clients}
    named = {part.subject for found in parts.values() for part in found if part.subject}
    words = subjects.in_words(sorted(named), by_name=by_name)
    return {client: _in_words(found, words) for client, found in parts.items()}


def _in_words(parts: Sequence[Part], words: Mapping[str, str]) -> str:
    if parts[0].key.kind == EVERYONE:
        return "Everyone, counted together"
    # An address that stands in for something is the same that stands for itself.
    addresses = dict.fromkeys(part.value for part in parts if part.is_address)
    first, *others = [
        *("Unknown address" if address == UNKNOWN else address for address in addresses),
        *(words.get(part.subject, str(part.key)) for part in parts if not part.is_address),
    ]
    whom = " and ".join((first, *(f"{other[:1].lower()}{other[1:]}" for other in others)))
    return ", ".join((whom, *(_lacks(part.key) for part in parts if part.is_address and part.key.kind != "ip")))


def _lacks(key: ClientKey) -> str:
    return f"without {key.name}" if key.name else "not logged in"
