"""The databases of a server: what is in them, and what this site uses them for."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.operations.inspecting.addresses import USES, addresses_of
from portal.operations.inspecting.info import Info, as_number, pairs
from portal.operations.units import span


@dataclass(frozen=True, slots=True)
class Database:
    """One database. `average_ttl` is in words, '' where no key of it expires."""

    number: int
    keys: int
    expiring: int
    average_ttl: str
    use: str

    @property
    def endless(self) -> int:
        """How many keys stay until somebody deletes them."""
        return max(0, self.keys - self.expiring)


def databases(info: Info, *, source: str) -> tuple[Database, ...]:
    """Return the databases that hold keys, and those that this site uses, be they empty."""
    filled = {int(name[2:]): pairs(text) for name, text in info.sections.get("keyspace", {}).items()}
    used = uses(source)
    return tuple(
        _database(number, filled.get(number, {}), use=used.get(number, "")) for number in sorted(filled.keys() | used)
    )


def uses(source: str) -> dict[int, str]:
    """Return what this site uses the databases of a server for, by number."""
    found: dict[int, list[str]] = {}
    for name, address in addresses_of(source):
        found.setdefault(address.database, []).append(USES[name])
    return {number: "; ".join(words) for number, words in found.items()}


def _database(number: int, told: dict[str, str], *, use: str) -> Database:
    expiring, milliseconds = _number(told, "expires"), _number(told, "avg_ttl")
    return Database(
        number=number,
        keys=_number(told, "keys"),
        expiring=expiring,
        average_ttl=span(milliseconds / 1000) if expiring and milliseconds else "",
        use=use,
    )


def _number(told: Mapping[str, str], name: str) -> int:
    return int(as_number(told.get(name, "0")) or 0)
