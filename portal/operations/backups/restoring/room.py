"""Whether a server has memory for what is about to be restored onto it."""

import redis

from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.target import Target


def check_memory(target: Target, *, needed_bytes: int, instead: str) -> str:
    """Return a warning when it cannot be told whether there is memory for so much more, else ''.

    Raises CannotRestore when there is not; `instead` says what could be done otherwise.
    """
    try:
        memory = target.server.info("memory")
    except redis.RedisError:
        return "Whether there is memory for what comes is not known: the server does not say."
    used, most = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
    most = most or int(memory.get("total_system_memory", 0))
    if most and used + needed_bytes > most:
        raise CannotRestore(
            f"There is no memory for it: {used:,} bytes are used, about {needed_bytes:,} more are needed, of {most:,}. "
            f"Nothing was changed. Raise maxmemory, {instead}."
        )
    return ""
