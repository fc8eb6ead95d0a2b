"""What the drill reads of a real server and a database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from django.conf import settings

from drill.differences import differences
from drill.filling import FAR_MS, fill
from drill.findings import OVERRIDES, POLICIES, REVISIONS, Found, Key, find


@pytest.fixture
def filled_server(redis_server: redis.Redis) -> Iterator[None]:
    """A server as the drill fills it; functions would outlast it."""
    fill(settings.REDIS.url)
    yield
    redis_server.function_flush()


def found(database: Path) -> Found:
    return find(settings.REDIS.url, is_valkey=True, database=database)


def make_tables(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for table in (POLICIES, OVERRIDES, REVISIONS):
            connection.execute(f"CREATE TABLE {table} (id, slug, rates)")
        connection.execute("INSERT INTO limits_policy VALUES (7, 'login', '5 per minute')")
        connection.commit()
    return path


def test_every_type_and_database_is_read(filled_server: None, tmp_path: Path) -> None:
    all_of_it = found(make_tables(tmp_path / "db"))
    assert {held.meaning[0] for held in all_of_it.keys.values()} == {"string", "list", "set", "hash", "zset", "stream"}
    assert {key.database for key in all_of_it.keys} == {0, 1, 2, 7}
    assert all_of_it.keys[Key(0, b"expiring")] == (("string", b"v"), FAR_MS)
    assert all_of_it.functions.keys() == {"first", "second"}
    assert all_of_it.rows[POLICIES] == {(("slug", "login"), ("rates", "5 per minute"))}


def test_the_smallest_change_is_found(filled_server: None, tmp_path: Path) -> None:
    before = found(make_tables(tmp_path / "db"))
    with redis.Redis.from_url(settings.REDIS.url, db=0) as client:
        client.lset("list:many", 1_999, "another")
        client.persist("hash:expiring")
        client.delete("integer")
        client.set("new", 1)
    told = differences(before, after=found(tmp_path / "db"), now_ms=0)
    assert {words.split(" of ")[0] for words in told} == {
        f"Key {name}" for name in ("list:many", "hash:expiring", "integer", "new")
    }


def test_what_is_published_from_the_database_is_no_finding(redis_server: redis.Redis, tmp_path: Path) -> None:
    redis_server.hset("limits:{policies}", "version", 1)
    redis_server.hset("limits:{policies}:overrides", "1", "")
    assert not found(make_tables(tmp_path / "db")).keys
