"""Who is connected, in groups: those with one name, host, user and library."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portal.operations.inspecting.asking import Session
from portal.operations.printable import printable

GROUPS_SHOWN = 50
SOCKET = "its own machine, by socket"
_NUMBER_MAX = 2**63
_SLOW_READER_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class ClientGroup:
    """Clients that are alike. `buffer_bytes` is what the server holds for all of them."""

    name: str
    host: str
    user: str
    library: str
    number: int
    least_idle_seconds: int
    most_idle_seconds: int
    buffer_bytes: int
    blocked: int
    """How many wait for data."""
    unread_bytes: int
    """Answers that they have not read yet."""

    @property
    def trouble(self) -> str:
        """What is wrong with them, in words."""
        return "They read their answers too slowly." if self.unread_bytes >= _SLOW_READER_BYTES else ""


@dataclass(frozen=True, slots=True)
class Clients:
    """All clients: the largest groups, and how many groups and clients there are."""

    groups: tuple[ClientGroup, ...]
    group_count: int
    number: int


def ask_clients(session: Session) -> Clients:
    """Return who is connected now, this page's own connection among them."""
    return parse_clients(session.ask("CLIENT", "LIST"))


def parse_clients(raw: bytes) -> Clients:
    """Return the clients of CLIENT LIST: a line each, `name=value` with blanks between."""
    lines = [_fields(line) for line in raw.decode(errors="backslashreplace").splitlines() if line]
    grouped: dict[tuple[str, str, str, str], list[Mapping[str, str]]] = {}
    for fields in lines:
        grouped.setdefault(_alike(fields), []).append(fields)
    groups = sorted((_group(key, found) for key, found in grouped.items()), key=_rank)
    return Clients(tuple(groups[:GROUPS_SHOWN]), group_count=len(groups), number=len(lines))


def host_of(address: str) -> str:
    """Return the host of a client’s address, host:port; SOCKET of one that came by a socket."""
    return SOCKET if "/" in address else address.rpartition(":")[0].strip("[]")


def _rank(group: ClientGroup) -> tuple[int, str, str, str]:
    return -group.number, group.name, group.host, group.library


def _fields(line: str) -> dict[str, str]:
    return {name: printable(value, keeps="") for name, _, value in (word.partition("=") for word in line.split(" "))}


def _alike(fields: Mapping[str, str]) -> tuple[str, str, str, str]:
    host = host_of(fields.get("addr", ""))
    library = " ".join(filter(None, (fields.get("lib-name", ""), fields.get("lib-ver", ""))))
    return fields.get("name", "")[:80], host, fields.get("user", "")[:80], library[:80]


def _group(alike: tuple[str, str, str, str], found: Iterable[Mapping[str, str]]) -> ClientGroup:
    found = list(found)
    idle = [_number(fields, "idle") for fields in found]
    return ClientGroup(
        *alike,
        number=len(found),
        least_idle_seconds=min(idle),
        most_idle_seconds=max(idle),
        buffer_bytes=sum(_number(fields, "tot-mem") for fields in found),
        blocked=sum("b" in fields.get("flags", "") for fields in found),
        unread_bytes=sum(_number(fields, "omem") for fields in found),
    )


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    return min(int(text), _NUMBER_MAX) if text.isdecimal() else 0
