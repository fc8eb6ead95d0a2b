"""Values as what they mean, so that two can be compared whose bytes differ: sets and hashes have no order of theirs."""

import struct
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.cursor import Cursor
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.packed import intset, listpack, ziplist

_double = struct.Struct("<d").unpack
_PLAIN, _PACKED = 1, 2
_SHORT_SCORES = {253: float("nan"), 254: float("inf"), 255: float("-inf")}
_NEVER_MS = (1 << 64) - 1

Meaning = tuple[str, Any]
"""What kind of value, and the value itself, of Python's own types, comparable."""


def meaning(kind: int, *, value: bytes, is_valkey: bool) -> Meaning:
    """Return what a value means. Raises RdbError for one that cannot be read."""
    if kind == format.MODULE_2:
        return "module", value
    decode = _of_valkey if kind == format.VALKEY_HASH_2 and is_valkey else _DECODE.get(kind)
    if decode is None:
        raise RdbError(f"A value of type {kind} is not known here.")
    try:
        return decode(Cursor(BytesIO(value)))
    except RdbError:
        raise
    except ValueError as error:
        # A score that is no number, or a field without its value.
        raise RdbError(f"A value of type {kind} is damaged.") from error


def living(found: Meaning, *, at_ms: int) -> Meaning:
    """Return what is left of a value at a time: a hash without the fields that have expired, all others as they are."""
    kind, value = found
    if kind != "hash":
        return found
    return kind, {field: told for field, told in value.items() if not 0 < told[1] <= at_ms}


def _strings(cursor: Cursor) -> list[bytes]:
    return [cursor.string() for _ in range(cursor.length())]


def _pairs(flat: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _plain_hash(flat: list[bytes]) -> dict[bytes, tuple[bytes, int]]:
    return {field: (value, 0) for field, value in _pairs(flat)}


def _flat_pairs(cursor: Cursor) -> list[bytes]:
    return [cursor.string() for _ in range(2 * cursor.length())]


def _score_in_text(cursor: Cursor) -> float:
    size = cursor.byte()
    return _SHORT_SCORES[size] if size in _SHORT_SCORES else float(cursor.take(size))


def _zset(cursor: Cursor, *, score: Callable[[Cursor], float]) -> dict[bytes, float]:
    return {cursor.string(): score(cursor) for _ in range(cursor.length())}


def _zset_of(flat: list[bytes]) -> dict[bytes, float]:
    return {member: float(score) for member, score in _pairs(flat)}


def _score(cursor: Cursor) -> float:
    (score,) = _double(cursor.take(8))
    return float(score)


def _quicklist(cursor: Cursor) -> list[bytes]:
    return [item for node in _strings(cursor) for item in ziplist(node)]


def _quicklist_2(cursor: Cursor) -> list[bytes]:
    items: list[bytes] = []
    for _ in range(cursor.length()):
        container, node = cursor.length(), cursor.string()
        items += [node] if container == _PLAIN else listpack(node)
    return items


def _of_valkey(cursor: Cursor) -> Meaning:
    return "hash", _hash_of_valkey(cursor)


def _hash_of_valkey(cursor: Cursor) -> dict[bytes, tuple[bytes, int]]:
    found: dict[bytes, tuple[bytes, int]] = {}
    for _ in range(cursor.length()):
        field, value, expires = cursor.string(), cursor.string(), int.from_bytes(cursor.take(8), "little")
        found[field] = value, 0 if expires == _NEVER_MS else expires
    return found


def _hash_with_expiries(cursor: Cursor) -> dict[bytes, tuple[bytes, int]]:
    first = int.from_bytes(cursor.take(8), "little")
    found: dict[bytes, tuple[bytes, int]] = {}
    for _ in range(cursor.length()):
        after, field, value = cursor.length(), cursor.string(), cursor.string()
        found[field] = value, first + after - 1 if after else 0
    return found


def _listpack_with_expiries(cursor: Cursor) -> dict[bytes, tuple[bytes, int]]:
    cursor.skip(8)
    flat = listpack(cursor.string())
    return {field: (value, int(expires)) for field, value, expires in zip(*[iter(flat)] * 3, strict=True)}


def _stream(version: int) -> Callable[[Cursor], Meaning]:
    def decode(cursor: Cursor) -> Meaning:
        nodes = [(cursor.string(), cursor.string()) for _ in range(cursor.length())]
        numbers = [cursor.length() for _ in range(3 if version == 1 else 8)]
        groups = [_group(cursor, version=version) for _ in range(cursor.length())]
        return "stream", (nodes, numbers[:3], sorted(groups))

    return decode


def _group(cursor: Cursor, *, version: int) -> tuple[Any, ...]:
    name = cursor.string()
    numbers = [cursor.length() for _ in range(2 if version == 1 else 3)]
    pending = [(cursor.take(16), cursor.take(8), cursor.length()) for _ in range(cursor.length())]
    consumers = []
    for _ in range(cursor.length()):
        consumer = cursor.string()
        cursor.skip(8 if version < 3 else 16)  # when it was seen last: not part of what it holds
        consumers.append((consumer, [cursor.take(16) for _ in range(cursor.length())]))
    return name, numbers[:2], sorted(pending), sorted(consumers)


_DECODE: Mapping[int, Callable[[Cursor], Meaning]] = {
    format.STRING: lambda cursor: ("string", cursor.string()),
    format.LIST: lambda cursor: ("list", _strings(cursor)),
    format.LIST_ZIPLIST: lambda cursor: ("list", ziplist(cursor.string())),
    format.LIST_QUICKLIST: lambda cursor: ("list", _quicklist(cursor)),
    format.LIST_QUICKLIST_2: lambda cursor: ("list", _quicklist_2(cursor)),
    format.SET: lambda cursor: ("set", frozenset(_strings(cursor))),
    format.SET_INTSET: lambda cursor: ("set", frozenset(intset(cursor.string()))),
    format.SET_LISTPACK: lambda cursor: ("set", frozenset(listpack(cursor.string()))),
    format.ZSET: lambda cursor: ("zset", _zset(cursor, score=_score_in_text)),
    format.ZSET_2: lambda cursor: ("zset", _zset(cursor, score=_score)),
    format.ZSET_ZIPLIST: lambda cursor: ("zset", _zset_of(ziplist(cursor.string()))),
    format.ZSET_LISTPACK: lambda cursor: ("zset", _zset_of(listpack(cursor.string()))),
    format.HASH: lambda cursor: ("hash", _plain_hash(_flat_pairs(cursor))),
    format.HASH_ZIPLIST: lambda cursor: ("hash", _plain_hash(ziplist(cursor.string()))),
    format.HASH_LISTPACK: lambda cursor: ("hash", _plain_hash(listpack(cursor.string()))),
    format.HASH_METADATA: lambda cursor: ("hash", _hash_with_expiries(cursor)),
    format.HASH_LISTPACK_EX: lambda cursor: ("hash", _listpack_with_expiries(cursor)),
    format.STREAM_LISTPACKS: _stream(1),
    format.STREAM_LISTPACKS_2: _stream(2),
    format.STREAM_LISTPACKS_3: _stream(3),
}
