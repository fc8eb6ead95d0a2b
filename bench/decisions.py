"""What one decision costs, over loopback TCP: ours, the peers', and one bare EVALSHA, each in its own process.

Left to itself the system puts Redis now on its client's processor core, now on another, and an EVALSHA costs more than
twice as much there: so all are timed in both places, and neither by chance.
"""

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench import stage
from bench.children import CannotMeasure, Child
from bench.report import Goal, Row, Table, at_most, ratio

CALLS, ROUNDS = 200, 15
CLIENT = "203.0.113.9"
BARE = "one bare EVALSHA"
PLAIN, PLAIN_NEW = "plain django-ratelimit, allowed", "plain django-ratelimit, allowed, a new client"
PLACES = {"on a core of its own": stage.CORES[0], "on its clients' core": stage.CORES[-1]}

MANY, THREE = "1000000 per hour", "1000000 per minute\n1000000 per hour\n1000000 per day"
POLICIES = {
    "fixed": {"rates": MANY},
    "fixed-three": {"rates": THREE},
    "sliding": {"rates": MANY, "algorithm": "sliding-window"},
    "sliding-three": {"rates": THREE, "algorithm": "sliding-window"},
    "bucket-three": {"rates": THREE, "algorithm": "token-bucket"},
    "tight": {"rates": "1 per hour"},
    "tight-sliding": {"rates": "1 per hour", "algorithm": "sliding-window"},
}


@dataclass(frozen=True, slots=True)
class Contender:
    """One thing that takes turns, and what it has taken so far: microseconds a call, turn by turn."""

    name: str
    child: Child
    request: tuple[str, ...]
    goals: Callable[["Contender", "dict[str, Contender]"], tuple[Goal, ...]] = lambda mine, every: ()
    microseconds: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        self.microseconds.append(self.child.ask(*self.request, CALLS))

    def times(self, other: "Contender") -> float:
        return ratio(self.microseconds, other.microseconds)


def run(folder: Path, tell: Callable[[str], None]) -> list[Table]:
    """Take turns, and return the figures."""
    tables = []
    with stage.stage(folder, cores=stage.CORES[-1:]) as on:
        contenders = _contenders(on)
        for place, core in PLACES.items():
            on.keep_redis_on(core)
            _contest(contenders, tell=tell)
            tables.append(_table({contender.name: contender for contender in contenders}, place=place))
    return tables


def _contest(contenders: list[Contender], *, tell: Callable[[str], None]) -> None:
    for contender in contenders:
        contender.take_turn()
        contender.microseconds.clear()
    order = list(contenders)
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}")
        random.shuffle(order)
        for contender in order:
            contender.take_turn()


def _contenders(on: stage.Stage) -> list[Contender]:
    site = on.site("site")
    operator = on.children.ours("bench.ours.operator", environment=site)
    for slug, fields in POLICIES.items():
        operator.ask("save", slug, fields)
    decider = on.children.ours("bench.ours.decider", environment=site)
    _check(decider)
    place = urlsplit(on.redis.url)
    limits_library = on.children.peer("limits_library.py", on.redis.url)
    smart = on.children.peer("smart_ratelimit.py", place.hostname, place.port, 0)
    plain = on.children.peer("plain_ratelimit.py", on.redis.url)
    return [
        Contender(BARE, on.children.peer("bare.py", on.redis.url), (BARE,)),
        Contender("ours, fixed window, allowed", decider, ("decide", "fixed"), _as_cheap_as_one),
        Contender("ours, fixed window, three rates, allowed", decider, ("decide", "fixed-three"), _nearly_as_cheap),
        Contender("ours, sliding window, allowed", decider, ("decide", "sliding"), _nearly_as_cheap),
        Contender("ours, sliding window, three rates, allowed", decider, ("decide", "sliding-three"), _nearly_as_cheap),
        Contender("ours, token bucket, three rates, allowed", decider, ("decide", "bucket-three"), _nearly_as_cheap),
        Contender(PLAIN, plain, (PLAIN,)),
        Contender(
            "ours, fixed window, allowed, a new client", decider, ("decide for new clients", "fixed"), _below_plain
        ),
        Contender(PLAIN_NEW, plain, (PLAIN_NEW,)),
        *_of(limits_library, "limits", "fixed window, allowed", "moving window, allowed", "sliding window, allowed"),
        *_of(smart, "django-smart-ratelimit", "fixed window, allowed", "token bucket, allowed"),
        Contender("ours, fixed window, refused", decider, ("decide", "tight"), _for_nothing),
        Contender("ours, sliding window, refused", decider, ("decide", "tight-sliding"), _for_nothing),
        Contender("ours, a whole 429 of a view, refused", decider, ("answer",)),
        *_of(plain, "plain django-ratelimit", "refused"),
        *_of(limits_library, "limits", "fixed window, refused", "moving window, refused"),
        *_of(smart, "django-smart-ratelimit", "fixed window, refused"),
    ]


def _check(decider: Child) -> None:
    """Raise CannotMeasure when a policy does not allow or refuse as its name here says."""
    for slug in POLICIES:
        decider.ask("lets in", slug, CLIENT)
        if decider.ask("lets in", slug, CLIENT) == slug.startswith("tight"):
            raise CannotMeasure(f"The policy “{slug}” does not decide as it is meant to")


def _of(child: Child, library: str, *names: str) -> list[Contender]:
    return [Contender(name, child, (name,)) for name in (f"{library}, {each}" for each in names)]


def _as_cheap_as_one(mine: Contender, every: dict[str, Contender]) -> tuple[Goal, ...]:
    to_plain = at_most(mine.times(every[PLAIN]), 0.85, unit="× plain django-ratelimit")
    return to_plain, *_nearly_as_cheap(mine, every)


def _below_plain(mine: Contender, every: dict[str, Contender]) -> tuple[Goal, ...]:
    return (at_most(mine.times(every[PLAIN_NEW]), 0.85, unit="× plain with a new client"),)


def _nearly_as_cheap(mine: Contender, every: dict[str, Contender]) -> tuple[Goal, ...]:
    return (at_most(mine.times(every[BARE]), 1.25, unit="× EVALSHA"),)


def _for_nothing(mine: Contender, every: dict[str, Contender]) -> tuple[Goal, ...]:
    return (at_most(mine.times(every[BARE]), 0.10, unit="× EVALSHA"),)


def _table(every: dict[str, Contender], *, place: str) -> Table:
    rows = [
        Row(
            contender.name,
            (
                f"{statistics.median(contender.microseconds):.1f}",
                f"{contender.times(every[BARE]):.2f}",
                f"{contender.times(every[PLAIN]):.2f}",
            ),
            contender.goals(contender, every),
        )
        for contender in every.values()
    ]
    method = f"medians of {ROUNDS} turns of {CALLS} calls, each library in its own process"
    return Table(f"One decision over loopback TCP, Redis 7.0 {place}", method, ("µs", "× EVALSHA", "× plain"), rows)
