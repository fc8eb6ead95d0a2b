"""One look at every server that the site rests on."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from portal.operations.watching.at_once import at_once
from portal.operations.watching.reading.asking import Answer, ask
from portal.operations.watching.reading.connecting import ANSWER_SECONDS, CONNECT_SECONDS, NoAnswer
from portal.operations.watching.reading.servers import Server, watched
from portal.operations.watching.readings import Look, Reading, ServerLook

_SECONDS = CONNECT_SECONDS + ANSWER_SECONDS
"""For all servers together, after at most two for asking which there are."""


def look(now: datetime, *, known: Collection[ServerLook] = ()) -> Look:
    """Return how every server is now; `known` is how the last look at each went. It takes at most about five seconds.

    A server that is paused delays no other. Nothing is raised: what fails is told server by server.
    """
    found = watched(known=known)
    answers = at_once(lambda server: _ask(server, at=now), found.servers, seconds=_SECONDS)
    before = {each.place: each.reading for each in known}
    behind = _behind(answer for answer in answers if isinstance(answer, Answer))
    looks = [
        _look(server, answer=answer, before=before.get(server.place), behind=behind)
        for server, answer in zip(found.servers, answers, strict=True)
    ]
    return Look(now, (*_each_once(looks), *found.untold))


def _ask(server: Server, *, at: datetime) -> Answer | str:
    try:
        return ask(server.address, at=at)
    except NoAnswer as error:
        return str(error)
    except Exception as error:
        # One server that answers nonsense must not hide the others. The error's own words may be the server's.
        return f"answers what cannot be read ({type(error).__name__})"


def _look(
    server: Server, *, answer: Answer | str | None, before: Reading | None, behind: Mapping[str, int]
) -> ServerLook:
    found = ServerLook(
        source=server.source,
        place=server.place,
        before=before,
        holds_counters=server.holds_counters,
    )
    if isinstance(answer, Answer):
        return replace(found, reading=replace(answer.reading, behind_bytes=behind.get(server.place, 0)))
    return replace(found, failure=answer or f"does not answer within {_SECONDS:g} s")


def _behind(answers: Iterable[Answer]) -> dict[str, int]:
    """Return by place how far behind each replica is: its primary says so in the same moment for both."""
    return {place: lacking for answer in answers for place, lacking in answer.behind.items()}


def _each_once(looks: Iterable[ServerLook]) -> list[ServerLook]:
    """Join what is one server at two places, as localhost and 127.0.0.1 are: its run tells."""
    found: dict[str, ServerLook] = {}
    for each in looks:
        run = each.reading.run_id if each.reading and each.reading.run_id else each.place
        found[run] = _joined(found[run], each) if run in found else each
    return list(found.values())


def _joined(first: ServerLook, second: ServerLook) -> ServerLook:
    sources = dict.fromkeys((*first.source.split(", "), *second.source.split(", ")))
    return replace(first, source=", ".join(sources), holds_counters=first.holds_counters or second.holds_counters)
