"""Many commands at once. A pipeline of redis-py does the same, and takes half of a restore's time for it."""

from collections.abc import Sequence
from typing import Any

import redis
from hiredis import pack_command
from redis.cluster import RedisCluster

from portal.operations.backups.rdb.walk import Entry
from portal.operations.backups.restoring.batches import BYTES_MAX

Command = tuple[str | bytes | int, ...]


def answers(client: Any, commands: Sequence[Command]) -> list[Any]:
    """Return what a server, or a Cluster, answers to each command: errors of its own too, as they are.

    Raises redis.RedisError when it goes away.
    """
    if isinstance(client, RedisCluster):
        return _answers_of_cluster(client, commands)
    pool: Any = client.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command(_packed(commands))
        return [_answer(connection) for _ in commands]
    except BaseException:
        # What it still had to answer must not answer the next.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def demanded(found: list[Any]) -> list[Any]:
    """Return answers. Raises the first error among them."""
    for answer in found:
        if isinstance(answer, Exception):
            raise answer
    return found


def dumps(client: Any, entries: Sequence[Entry]) -> list[tuple[bytes | None, int]]:
    """Return what is there under the names of entries, None for nothing, and when it expires, 0 for never.

    Raises redis.RedisError.
    """
    asked: list[Command] = []
    for entry in entries:
        asked += (("DUMP", entry.key), ("PEXPIRETIME", entry.key))
    found = demanded(answers(client, asked))
    return [(dumped, max(0, expires)) for dumped, expires in zip(found[::2], found[1::2], strict=True)]


def _answers_of_cluster(client: Any, commands: Sequence[Command]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    found: list[Any] = pipeline.execute(raise_on_error=False)
    return found


def _packed(commands: Sequence[Command]) -> list[bytes]:
    packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]  # its types know one argument
    # Large ones go as they are: they need not be in memory twice.
    return packed if sum(map(len, packed)) > 2 * BYTES_MAX else [b"".join(packed)]


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error
