"""Key by key: SCAN, DUMP and PEXPIRETIME, written as an ordinary RDB file.

Every server allows it that allows reading, and it can take some keys alone. What DUMP gives is the type and value as
in a file, and a checksum (createDumpPayload in cluster.c). It is no point in time: each key is as it was when it was
asked for, its expiry as a moment later. A key that comes or goes meanwhile may be in the backup or not.
"""

import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import redis

from portal.operations.backups.manifest import ServerFacts
from portal.operations.backups.rdb.write import RdbWriter, magic_of
from portal.operations.backups.taking.connecting import client_of
from portal.operations.backups.taking.errors import WayClosed
from portal.operations.backups.taking.landing import Landing
from portal.operations.backups.taking.seen import Seen
from portal.operations.backups.taking.survey import Survey
from portal.operations.redis_answers import is_forbidden
from portal.redis_address import Client, RedisAddress

NOT_ONE_MOMENT = (
    "It was taken key by key: it is no point in time, and keys that belong together may be from different moments."
)
_SCAN_COUNT = 1000
_ASK_AT_FIRST = 8
_ANSWER_BYTES = 1 << 20
"""What one round trip should bring, about: a server keeps its answers in memory until they are read."""
_DATABASES_MAX = 16
_EMPTY_MAGIC = b"REDIS0010"
_FOOTER_BYTES = 10
_GLOB = re.compile(rb"([*?\[\]\\])")


class _Key(NamedTuple):
    database: int
    name: bytes
    dumped: bytes
    expires_at_ms: int


def copy(address: RedisAddress, *, survey: Survey, into: Landing, prefixes: Sequence[bytes] = ()) -> tuple[str, ...]:
    """Write all keys of a server, or those that begin with a prefix, into a file; return warnings.

    Functions are taken too, but with prefixes. Raises WayClosed where SCAN, DUMP or PEXPIRETIME are forbidden;
    errors of redis-py for others.
    """
    numbers, warnings = _databases(address, survey)
    with client_of(address) as client:
        functions, more = (b"", ()) if prefixes else _functions(client)
    keys = chain.from_iterable(
        _keys(address.with_database(number), prefixes=prefixes, waits=into.waits) for number in numbers
    )
    # What all keys take says nothing of some.
    used_memory_bytes = 0 if prefixes else survey.facts.used_memory_bytes
    _write(keys, functions=functions, facts=replace(survey.facts, used_memory_bytes=used_memory_bytes), into=into)
    return (NOT_ONE_MOMENT, *warnings, *more)


def next_count(asked: int, *, answered_bytes: int) -> int:
    """Return for how many keys to ask next, so that an answer stays near a megabyte: at most twice as many, or 1000."""
    fitting = asked * _ANSWER_BYTES // max(answered_bytes, 1)
    return max(1, min(fitting, 2 * asked, _SCAN_COUNT))


def _write(keys: Iterator[_Key], *, functions: bytes, facts: ServerFacts, into: Landing) -> None:
    first = next(keys, None)
    sample = first.dumped if first else functions
    memory = io.BytesIO()
    writer = RdbWriter(memory, magic=magic_of(sample, engine=facts.engine) if sample else _EMPTY_MAGIC)
    _write_header(writer, facts)
    if len(functions) > _FOOTER_BYTES:
        writer.functions(functions)
    database = -1
    for key in chain([first] if first else [], keys):
        if key.database != database:
            database = key.database
            writer.select(database)
        writer.key(key.name, payload=key.dumped, expires_at_ms=key.expires_at_ms)
        if memory.tell() > _ANSWER_BYTES:
            _empty(memory, into)
    writer.end()
    _empty(memory, into)


def _write_header(writer: RdbWriter, facts: ServerFacts) -> None:
    writer.aux(b"%b-ver" % facts.engine.encode(), facts.version.encode())
    writer.aux(b"ctime", b"%d" % time.time())
    if facts.used_memory_bytes:
        writer.aux(b"used-mem", b"%d" % facts.used_memory_bytes)


def _empty(memory: io.BytesIO, into: Landing) -> None:
    into.write(memory.getvalue())
    memory.seek(0)
    memory.truncate()


def _databases(address: RedisAddress, survey: Survey) -> tuple[list[int], tuple[str, ...]]:
    """Return the numbers of the databases to read, and a warning when that may not be all."""
    if survey.info:
        return sorted(int(name[2:]) for name in survey.info if re.fullmatch(r"db\d+", name)), ()
    for number in range(1, _DATABASES_MAX):
        try:
            with client_of(address.with_database(number)) as client:
                client.connection_pool.get_connection().disconnect()
        except redis.ResponseError as error:
            if not is_forbidden(error):
                return list(range(number)), ()
            return list(range(number)), (
                f"INFO and SELECT are forbidden there, so only database {number - 1} was read; `+info +select` lets "
                "it take all.",
            )
    return list(range(_DATABASES_MAX)), (
        f"INFO is forbidden there, so databases from {_DATABASES_MAX} on were not looked for.",
    )


def _functions(client: Client) -> tuple[bytes, tuple[str, ...]]:
    try:
        dumped: bytes = client.execute_command("FUNCTION DUMP")
    except redis.ResponseError as error:
        if not is_forbidden(error):
            raise
        return b"", ("Functions are not in the backup: that takes a user with `+function|dump`.",)
    return dumped, ()


def _keys(address: RedisAddress, *, prefixes: Sequence[bytes], waits: Callable[[], None]) -> Iterator[_Key]:
    """Yield the keys of one database."""
    try:
        with client_of(address) as client, Seen() as seen:
            count = _ASK_AT_FIRST
            for names in _scan(client, prefixes):
                waits()
                names = seen.new(names)
                while names:
                    dumped = _dump(client, names[:count], database=address.database)
                    yield from dumped
                    names = names[count:]
                    count = next_count(count, answered_bytes=sum(len(key.dumped) for key in dumped))
    except redis.ResponseError as error:
        if not is_forbidden(error):
            raise
        raise WayClosed(
            "Keys cannot be read one by one there: that takes a user with "
            "`+scan +dump +pexpiretime +select +info ~*`, or `~prefix*` for chosen prefixes."
        ) from error


def _scan(client: Client, prefixes: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield names as SCAN gives them: some twice, and sometimes none."""
    pattern = _GLOB.sub(rb"\\\1", prefixes[0]) + b"*" if len(prefixes) == 1 else None
    cursor, wanted = -1, tuple(prefixes) or (b"",)
    while cursor:
        cursor, names = client.scan(max(cursor, 0), match=pattern, count=_SCAN_COUNT)
        yield [name for name in names if name.startswith(wanted)]


def _dump(client: Client, names: Sequence[bytes], *, database: int) -> list[_Key]:
    """Return what a database holds under some names; those that are gone by now are left out."""
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.dump(name)
            pipeline.pexpiretime(name)
        answers = pipeline.execute()
    pairs = zip(names, answers[::2], answers[1::2], strict=True)
    return [_Key(database, name, dumped, max(expiry, 0)) for name, dumped, expiry in pairs if dumped and expiry != -2]
