"""What a server says that it loaded, against what is in the file: loaded + expired = keys."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.manifest import Proof
from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.decode import living, meaning
from portal.operations.backups.rdb.walk import Measured, Walk

_HASHES_OF_VALKEY = frozenset({format.VALKEY_HASH_2})
_HASHES_OF_REDIS = frozenset({format.HASH_METADATA, format.HASH_LISTPACK_EX})


class Differs(Exception):
    """A server did not load what is in the file; the message says how they differ, as one sentence."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a server loaded at its start. `keyspace` is (database, keys) now; `at_ms` its clock.

    A server drops the keys that have expired as it loads an RDB file, and counts them; of an AOF's base it loads
    them too, and `expired` is 0.
    """

    loaded: int
    expired: int
    functions: int
    keyspace: tuple[tuple[int, int], ...]
    at_ms: int


def read_loaded(client: Any) -> Loaded:
    """Return what a server loaded. Raises Differs when it is too old to tell, and redis.RedisError."""
    persistence = client.info("persistence")
    if "rdb_last_load_keys_loaded" not in persistence:
        raise Differs("The server is older than 7.0 and does not tell what it loaded.")
    seconds, microseconds = client.time()
    keyspace = client.info("keyspace")
    return Loaded(
        loaded=persistence["rdb_last_load_keys_loaded"],
        expired=persistence["rdb_last_load_keys_expired"],
        functions=_functions(client),
        keyspace=tuple((int(name.removeprefix("db")), told["keys"]) for name, told in keyspace.items()),
        at_ms=seconds * 1000 + microseconds // 1000,
    )


def account_for(loaded: Loaded, *, expected: Measured | Proof, path: Path) -> Loaded:
    """Return what was loaded, the hashes left out because none of their fields was left counted as expired.

    Servers drop such hashes without a number. Raises Differs unless loaded + expired = keys in the file.
    """
    missing = expected.keys - loaded.loaded - loaded.expired
    if missing > 0 and missing <= emptied_hashes(path, at_ms=loaded.at_ms):
        loaded, missing = replace(loaded, expired=loaded.expired + missing), 0
    if missing:
        raise Differs(
            f"{expected.keys:,} keys are in the file, and the server loaded {loaded.loaded:,} and dropped "
            f"{loaded.expired:,} that had expired: {abs(missing):,} {'are missing' if missing > 0 else 'too many'}."
        )
    if loaded.functions != expected.functions:
        raise Differs(
            f"{expected.functions:,} libraries of functions are in the file, and the server has {loaded.functions:,}."
        )
    return loaded


def require_keyspace(loaded: Loaded, *, expected: Measured | Proof) -> None:
    """Raise Differs when a database holds more keys than the file has for it; for a server that nobody else uses."""
    there = {count.database: count.keys for count in expected.counts}
    for database, keys in loaded.keyspace:
        if keys > there.get(database, 0):
            raise Differs(
                f"Database {database} has {keys:,} keys in the server, and {there.get(database, 0):,} in the file."
            )


def emptied_hashes(path: Path, *, at_ms: int) -> int:
    """Return how many hashes in a file had no field left at that time."""
    number = 0
    with path.open("rb") as file:
        walk = Walk(file)
        kinds = _HASHES_OF_VALKEY if walk.is_valkey else _HASHES_OF_REDIS
        for entry in walk:
            if entry.kind in kinds:
                found = meaning(entry.kind, value=entry.value, is_valkey=walk.is_valkey)
                number += living(found, at_ms=at_ms) == ("hash", {})
    return number


def _functions(client: Any) -> int:
    try:
        return len(client.execute_command("FUNCTION LIST"))
    except redis.ResponseError as error:
        raise Differs(f"The server does not tell which functions it has ({error}).") from error
