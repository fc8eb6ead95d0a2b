"""What a server and a database hold: every key by what it means, every row of the truth."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import redis

from portal.operations.backups.rdb.decode import Meaning, meaning
from portal.operations.backups.rdb.payload import split

POLICIES, OVERRIDES, REVISIONS = "limits_policy", "limits_override", "limits_revision"
_TABLES = (POLICIES, OVERRIDES, REVISIONS)
_OF_THE_ROW_ALONE = frozenset({"id"})
_PUBLISHED = b"limits:{policies}"
"""Written anew from the database after every restore: whether it is in step with it is asked for itself."""
_KEYS_AT_ONCE = 1000

Row = tuple[tuple[str, Any], ...]
"""The columns of a row and what is in them."""


class Key(NamedTuple):
    """A key of one of a server's databases."""

    database: int
    name: bytes

    def __str__(self) -> str:
        return f"Key {self.name.decode(errors='backslashreplace')} of database {self.database}"


class Held(NamedTuple):
    """What a key holds, and when it expires: -1 is never."""

    meaning: Meaning
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found at one time. `functions` are the texts of the libraries by name."""

    keys: Mapping[Key, Held]
    functions: Mapping[str, str]
    rows: Mapping[str, frozenset[Row]]


def find(url: str, *, is_valkey: bool, database: Path) -> Found:
    """Read a server and a database whole. Raises redis.RedisError, sqlite3.Error, RdbError."""
    with redis.Redis.from_url(url) as client:
        keys = dict(_keys(client, is_valkey=is_valkey))
        functions = dict(_functions(client))
    with closing(sqlite3.connect(database)) as connection:
        return Found(keys, functions, {table: frozenset(_rows(connection, table)) for table in _TABLES})


def _keys(client: Any, *, is_valkey: bool) -> Iterator[tuple[Key, Held]]:
    for name in client.info("keyspace"):
        number = int(name.removeprefix("db"))
        client.select(number)
        for names in _pages(client):
            pipeline = client.pipeline(transaction=False)
            for key in names:
                pipeline.dump(key).pexpiretime(key)
            answers = iter(pipeline.execute())
            for key, dumped, expires_at_ms in zip(names, answers, answers, strict=True):
                if dumped is not None and not key.startswith(_PUBLISHED):
                    kind, value, _ = split(dumped)
                    yield Key(number, key), Held(meaning(kind, value=value, is_valkey=is_valkey), expires_at_ms)


def _pages(client: Any) -> Iterator[list[bytes]]:
    cursor = None
    while cursor != 0:
        cursor, names = client.scan(cursor or 0, count=_KEYS_AT_ONCE)
        yield names


def _functions(client: Any) -> Iterator[tuple[str, str]]:
    for library in client.function_list(withcode=True):
        # As pairs in a row by the older protocol.
        told = library if isinstance(library, dict) else dict(zip(library[::2], library[1::2], strict=True))
        name, code = (told[field].decode(errors="backslashreplace") for field in (b"library_name", b"library_code"))
        yield name, code


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    answer = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a name of ours
    columns = [column for column, *_ in answer.description]
    for row in answer:
        yield tuple(pair for pair in zip(columns, row, strict=True) if pair[0] not in _OF_THE_ROW_ALONE)
