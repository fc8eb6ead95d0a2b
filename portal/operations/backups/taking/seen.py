"""Which keys were met before, without an end to their number and with little memory."""

import sqlite3
from collections.abc import Iterable
from types import TracebackType


class Seen:
    """A set of keys in a temporary file of its own (SQLite): 2 MB of memory, however many there are.

    It is exact: a hash that two keys share would lose one of them, and a key written twice keeps a server from loading.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("BEGIN")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> "Seen":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def new(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return those that were not met before, in their order; from now on they were."""
        insert = self._database.execute
        return [key for key in keys if insert("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount]
