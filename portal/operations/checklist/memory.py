"""A limit of memory, and what becomes of counters when it is reached."""

from portal.operations.acl.servers import Part
from portal.operations.checklist.asking import Server
from portal.operations.checklist.context import each_server
from portal.operations.checklist.mending import Mending
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.operations.units import plain, size

_MB = 1024 * 1024
_LEAST_MB = 256
_HOST_SHARE = 0.6
"""Of the machine's memory: a save needs some beside the data, as much as is written meanwhile."""
KEEPS_ALL = "noeviction"
_HOLDS = {
    Part.COUNTERS: "counters: who floods Redis with other keys frees the way past every limit",
    Part.BROKER: "queues: jobs are lost",
}


def _maxmemory(server: Server) -> Verdict:
    told = server.info
    if "maxmemory" not in told:
        return unknown("The server does not tell its limit.")
    limit, used, whole = (int(told.get(name, 0)) for name in ("maxmemory", "used_memory", "total_system_memory"))
    if limit and not (whole and limit > whole):
        return passed(plain(f"{size(used)} of {size(limit)} are used."))
    mend, advice = Mending(server).configure(maxmemory=f"{_sensible_mb(used, whole)}mb")
    told_machine = plain(f", and its machine has {size(whole)}") if whole else ""
    told_limit = plain(f"The limit is {size(limit)}" if limit else f"There is none; {size(used)} are used")
    return failed(f"{told_limit}{told_machine}.", mend=mend, advice=f"Choose what fits the machine. {advice}".strip())


def _eviction(server: Server) -> Verdict:
    policy = str(server.info.get("maxmemory_policy", ""))
    if not policy:
        return unknown("The server does not tell its policy.")
    evicted = int(server.info.get("evicted_keys", 0))
    already = f" It has thrown {evicted:,} keys away already." if evicted and policy != KEEPS_ALL else ""
    held = [words for part, words in _HOLDS.items() if part in server.parts]
    if policy == KEEPS_ALL:
        return passed("It throws no key away (noeviction).")
    if not held:
        return passed(f"Only the cache lives there, and it may throw that away ({policy}).")
    mend, advice = Mending(server).configure(maxmemory_policy=KEEPS_ALL)
    return failed(
        f"Its policy is {policy}, and it holds {'; and '.join(held)}.{already}",
        mend=mend,
        advice=f"A number of their own for the database does not help: it is one policy for the whole server. Put a "
        f"cache that may be thrown away on another server. {advice}".strip(),
    )


def _sensible_mb(used_bytes: int, whole_bytes: int) -> int:
    wanted = max(_LEAST_MB, -(-2 * used_bytes // _MB))
    most = int(whole_bytes * _HOST_SHARE) // _MB
    return max(-(-used_bytes // _MB) + 1, min(wanted, most)) if most else wanted


LINES = (
    Line(
        "maxmemory",
        "Memory",
        "Memory has a limit",
        "Without one Redis grows until the system ends it, or swaps. And nobody can tell how full it is.",
        each_server(_maxmemory),
    ),
    Line(
        "eviction",
        "Memory",
        "A full server throws no counter away",
        "Measured: under every policy but noeviction a client who was refused for a day was let in again after 40,000 "
        "foreign keys.",
        each_server(_eviction),
    ),
)
