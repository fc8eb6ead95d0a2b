"""What is still there after a restart."""

from portal.operations.acl.servers import Part
from portal.operations.checklist.asking import Forbidden, Server
from portal.operations.checklist.context import each_server
from portal.operations.checklist.mending import Mending
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown

_STATES = {
    "rdb_last_bgsave_status": "The last snapshot failed: as long as it does, Redis refuses every write where save "
    "points are set, and limits with it",
    "aof_last_write_status": "The last write of the append-only file failed: Redis refuses every write",
    "aof_last_bgrewrite_status": "The last rewrite of the append-only file failed",
}
_LOST = {
    Part.COUNTERS: "all counters (whoever was refused starts afresh; policies come back from the database)",
    Part.BROKER: "jobs that wait",
    Part.CACHE: "the cache, which fills itself again",
}


def _persistence(server: Server) -> Verdict:
    if int(server.info.get("aof_enabled", 0)):
        return passed("Every write is kept in the append-only file.")
    try:
        points = server.configuration.get("save", "").split()
    except Forbidden as error:
        words = f"There is no append-only file. Whether snapshots are made by themselves is not told. {error}"
        return unknown(words, mend=Mending(server).look_at("save"))
    lost = "; ".join(words for part, words in _LOST.items() if part in server.parts)
    if points:
        seconds = min(map(int, points[::2]))
        return passed(f"Snapshots are made, the most often after {seconds} s. What was written since is lost: {lost}.")
    if server.parts == {Part.CACHE}:
        return passed("Nothing is kept, and only the cache lives there.")
    mend, advice = Mending(server).configure(appendonly="yes", appendfsync="everysec")
    return failed(f"Nothing is kept. A restart loses: {lost}.", mend=mend, advice=advice)


def _saves(server: Server) -> Verdict:
    told = server.info
    if int(told.get("loading", 0)):
        return failed("It is loading its data, and answers nobody meanwhile.", advice="Wait until it has.")
    if not told.keys() & _STATES.keys():
        return unknown("The server tells nothing of it.")
    wrong = [words for name, words in _STATES.items() if told.get(name, "ok") != "ok"]
    if not wrong:
        return passed("The last snapshot, and the last writes of the append-only file, went well.")
    again = "BGREWRITEAOF" if told.get("rdb_last_bgsave_status") == "ok" else "BGSAVE"
    return failed(
        f"{'. '.join(wrong)}.",
        mend=Mending(server).commands((again,)),
        advice="First look whether the disk of Redis is full, or its folder may not be written (`df -h`, and its log). "
        "A save that succeeds ends it.",
    )


LINES = (
    Line(
        "persistence",
        "Persistence",
        "Data outlives a restart",
        "A restart that forgets every counter lets everybody in who was refused, and jobs that waited are gone.",
        each_server(_persistence),
    ),
    Line(
        "saves",
        "Persistence",
        "The last saves went well",
        "One failed snapshot, for instance on a full disk, and Redis takes no write any more: limits fail.",
        each_server(_saves),
    ),
)
