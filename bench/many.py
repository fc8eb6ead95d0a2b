"""What 10,000 policies and 100,000 overrides cost, against the 5 policies that every site begins with and none."""

import ipaddress
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import stage
from bench.report import Row, Table, at_most, ratio
from tests.servers import wait_until

POLICIES, OVERRIDES = 10_000, 100_000
CALLS, ROUNDS = 200, 25
EDITS = 3
THREE = "1000000 per minute\n1000000 per hour\n1000000 per day"
DECISIONS = {
    "fixed window, allowed": ("login", {"rates": "1000000 per hour"}),
    "sliding window of three rates, allowed": ("register", {"rates": THREE, "algorithm": "sliding-window"}),
    "refused": ("password-reset", {"rates": "1 per hour"}),
}
DENIED = "192.0.2.1"
ADDRESSES, NETWORKS = int(ipaddress.IPv4Address("100.64.0.0")), int(ipaddress.IPv4Address("20.0.0.0"))
IN_FORCE_SECONDS = 1.0


class Side:
    """A site with its operator, the process that decides, and what its decisions took: microseconds, turn by turn."""

    def __init__(self, on: stage.Stage, name: str, *, database: int) -> None:
        self._children = on.children
        self._environment = on.site(name, database=database)
        self.operator = on.children.ours("bench.ours.operator", environment=self._environment)
        for slug, fields in DECISIONS.values():
            self.operator.ask("save", slug, fields)
        self.microseconds: dict[str, list[float]] = {decision: [] for decision in DECISIONS}

    def begin(self) -> None:
        """Start the process that decides, as a web worker starts: what is in force stands in Redis by now."""
        self.decider = self._children.ours("bench.ours.decider", environment=self._environment)

    def take_turn(self, decision: str) -> None:
        slug, _ = DECISIONS[decision]
        self.microseconds[decision].append(self.decider.ask("decide", slug, CALLS))


def run(folder: Path, tell: Callable[[str], None]) -> list[Table]:
    """Fill one of two sites, let both decide in turns, and return the figures."""
    with stage.stage(folder, cores=stage.CORES[-1:]) as on:
        on.keep_redis_on(stage.CORES[0])
        few, many = Side(on, "few", database=1), Side(on, "many", database=2)
        tell(f"making {POLICIES:,} policies and {OVERRIDES:,} overrides")
        many.operator.ask("fill", POLICIES, list(_subjects()))
        tell("syncing them")
        sync_seconds: float = many.operator.ask("sync")
        override_seconds: float = many.operator.ask("override", DENIED)
        for side in (few, many):
            side.begin()
        wait_until(lambda: not many.decider.ask("lets in", "login", DENIED), what="the overrides are in force")
        _contest(few, many, tell=tell)
        edit_seconds = _edit(few, many)
        megabytes = many.decider.ask("rss") - few.decider.ask("rss")
    return [_decisions(few, many), _rest(sync_seconds, edit_seconds, override_seconds, megabytes)]


def _contest(few: Side, many: Side, *, tell: Callable[[str], None]) -> None:
    turns = [(side, decision) for decision in DECISIONS for side in (few, many)]
    for side, decision in turns:
        side.take_turn(decision)
        side.microseconds[decision].clear()
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}")
        random.shuffle(turns)
        for side, decision in turns:
            side.take_turn(decision)


def _edit(few: Side, many: Side) -> float:
    """Edit a policy some times on both sites; return the worst save, its sync included, where there are many."""
    seconds: list[float] = []
    for number in range(EDITS):
        for side in (few, many):
            began, returned = side.operator.ask("save", "login", {"title": f"Login {number}"})
        seconds.append(returned - began)
        time.sleep(IN_FORCE_SECONDS)
    return max(seconds, default=0.0)


def _subjects() -> Iterator[str]:
    """Yield whom the overrides are for: addresses, networks of several sizes, and users."""
    for number in range(OVERRIDES):
        if number % 10 < 6:
            yield str(ipaddress.IPv4Address(ADDRESSES + number))
        elif number % 10 < 9:
            prefix = 24 + number % 7
            yield f"{ipaddress.IPv4Address(NETWORKS + (number << 8))}/{prefix}"
        else:
            yield f"user={1_000_000 + number}"


def _decisions(few: Side, many: Side) -> Table:
    rows = []
    for decision in DECISIONS:
        slowed = ratio(many.microseconds[decision], few.microseconds[decision])
        medians = [statistics.median(side.microseconds[decision]) for side in (few, many)]
        figures = (*(f"{median:.1f}" for median in medians), f"{slowed:.2f}")
        rows.append(Row(decision, figures, [at_most(slowed, 1.1, unit="×")]))
    method = f"medians of {ROUNDS} turns of {CALLS} calls, Redis on a core of its own"
    title = f"One decision with {POLICIES:,} policies and {OVERRIDES:,} overrides, against 5 and none"
    return Table(title, method, ("few, µs", "many, µs", "×"), rows)


def _rest(sync_seconds: float, edit_seconds: float, override_seconds: float, megabytes: float) -> Table:
    rows = [
        Row("sync of all to an empty Redis, s", (f"{sync_seconds:.2f}",), [at_most(sync_seconds, 2, unit="s")]),
        Row("save and sync of one policy, s", (f"{edit_seconds:.2f}",), [at_most(edit_seconds, 2, unit="s")]),
        Row("save and sync of one override, s", (f"{override_seconds:.2f}",), [at_most(override_seconds, 2, unit="s")]),
        Row("more memory in a process, MB", (f"{megabytes:.0f}",), [at_most(megabytes, 50, unit="MB")]),
    ]
    return Table("What so many cost beside", f"RSS after {EDITS} edits more", ("figure",), rows)
