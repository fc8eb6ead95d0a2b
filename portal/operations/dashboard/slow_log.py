"""The last slow commands of a server, read live. It never holds a page up: who waits, gives up soon."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from portal.operations.dashboard import words
from portal.operations.dashboard.facts import ServerSeen
from portal.operations.inspecting.addresses import address_of
from portal.operations.inspecting.asking import NoAnswer, Part, part, session_with
from portal.operations.inspecting.slow_log import SlowCommand, ask_slow_log

ENTRIES_MAX = 5
_SECONDS = 0.3
_SILENT_SECONDS = 60.0
_REFUSED_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Slow:
    """A command that took long: when, how long, and on what kind of key."""

    at: datetime
    took: str
    command: str


@dataclass(frozen=True, slots=True)
class SlowLog:
    """The last slow commands, the newest first; or in a sentence why they cannot be told."""

    entries: tuple[Slow, ...] = ()
    failure: str = ""


class SlowLogs:
    """Asks servers, and spares for a while those that did not tell: a refusal counts there as an error of our user."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spared: dict[str, tuple[float, str]] = {}

    def of(self, server: ServerSeen, *, redis_answers: bool) -> SlowLog:
        """Return what a server noted. It is not asked when it did not answer lately, or Redis just now."""
        if server.failure or not redis_answers:
            return SlowLog(failure="Not asked: Redis does not answer.")
        until, failure = self._spared.get(server.place, (0.0, ""))
        return SlowLog(failure=failure) if self._clock() < until else self._asked(server)

    def forget(self) -> None:
        """Begin anew."""
        self._spared = {}

    def _asked(self, server: ServerSeen) -> SlowLog:
        try:
            with session_with(address_of(server.place, source=server.source), seconds=_SECONDS) as session:
                found = part(session, ask_slow_log)
                spared_seconds = _REFUSED_SECONDS if session.answers else _SILENT_SECONDS
        except NoAnswer as error:
            found, spared_seconds = Part(failure=str(error)), _SILENT_SECONDS
        except (LookupError, ValueError):
            found, spared_seconds = Part(failure="No address of this site’s settings leads there."), _SILENT_SECONDS
        except redis.RedisError:
            found, spared_seconds = Part(failure="What answers there is no Redis."), _SILENT_SECONDS
        if found.failure:
            self._spared[server.place] = self._clock() + spared_seconds, found.failure
        return SlowLog(tuple(map(_shown, (found.found or ())[:ENTRIES_MAX])), failure=found.failure)


slow_logs = SlowLogs()


def _shown(slow: SlowCommand) -> Slow:
    return Slow(
        at=datetime.fromtimestamp(slow.at_seconds, UTC),
        took=words.latency(slow.microseconds),
        command=f"{slow.command} {slow.prefix}".rstrip(),
    )
