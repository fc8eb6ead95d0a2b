"""Reading much of the database as it is at one moment, whoever writes meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connection, models, transaction

ROWS_AT_ONCE = 2_000
_REPEATABLE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


@contextmanager
def one_moment() -> Iterator[None]:
    """Let all that is read within be of one moment, and let writers go on.

    Within a transaction that was begun already it is as that transaction is.
    """
    if connection.in_atomic_block:
        yield
        return
    begun = {"sqlite": _begun_deferred, "mysql": _begun_repeatable}.get(connection.vendor, nullcontext)
    with begun(), transaction.atomic():
        if connection.vendor == "postgresql":
            _execute(_REPEATABLE)
        yield


def in_pages(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    """Yield rows by their ids, so many at once: some databases hand a client all that it asks for in one piece."""
    last = 0
    while page := list(rows.filter(pk__gt=last).order_by("pk")[:ROWS_AT_ONCE]):
        yield page
        last = page[-1].pk


@contextmanager
def _begun_deferred() -> Iterator[None]:
    """SQLite may be told to take the writers' lock at once: who reads alone needs none."""
    here: Any = connection
    here.ensure_connection()
    mode, here.transaction_mode = here.transaction_mode, "DEFERRED"
    try:
        yield
    finally:
        here.transaction_mode = mode


@contextmanager
def _begun_repeatable() -> Iterator[None]:
    """MySQL and MariaDB are told before a transaction begins, for the next one alone."""
    _execute(_REPEATABLE)
    yield


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
