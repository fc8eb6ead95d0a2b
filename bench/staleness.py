"""How long an edited policy is not yet in force: the last answer by the old one, in any of several busy processes."""

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench import stage
from bench.report import Row, Table, at_most

PROCESSES, CHANGES = 4, 100
PAUSE_SECONDS = (0.2, 0.4)
"""Between two changes, at random: so that they meet the processes' looks at every moment."""
WARMUP_SECONDS = 1.0
POLICY, FIRST_LIMIT = "watched", 1_000_000


def run(folder: Path, tell: Callable[[str], None]) -> list[Table]:
    """Edit a policy again and again while every process decides by it, and return the figures."""
    with stage.stage(folder) as on:
        site = on.site("site")
        operator = on.children.ours("bench.ours.operator", environment=site)
        operator.ask("save", POLICY, _edit(0))
        deciders = [on.children.ours("bench.ours.decider", environment=site) for _ in range(PROCESSES)]
        for decider in deciders:
            decider.tell("watch", POLICY, FIRST_LIMIT + CHANGES)
        time.sleep(WARMUP_SECONDS)
        saved: list[tuple[float, float]] = []
        for number in range(1, CHANGES + 1):
            tell(f"round {number} of {CHANGES}")
            saved.append(operator.ask("save", POLICY, _edit(number)))
            time.sleep(random.uniform(*PAUSE_SECONDS))
        last_seen = [{int(limit): at for limit, at in decider.answer().items()} for decider in deciders]
    return [_table(saved, last_seen)]


def _edit(number: int) -> dict[str, str]:
    return {"rates": f"{FIRST_LIMIT + number} per hour"}


def _table(saved: list[tuple[float, float]], last_seen: list[dict[int, float]]) -> Table:
    """`saved`: when each change began and when it returned; `last_seen`: when a process last went by each limit."""
    stale_at = [_last_stale(number, last_seen) for number in range(1, CHANGES + 1)]
    since_begin = [max(0.0, at - began) for at, (began, _) in zip(stale_at, saved, strict=True)]
    since_return = [max(0.0, at - returned) for at, (_, returned) in zip(stale_at, saved, strict=True)]
    rows = [
        Row("since the save returned", _figures(since_return)),
        Row("since the save began", _figures(since_begin), [at_most(max(since_begin), 0.5, unit="s at worst")]),
    ]
    method = f"{CHANGES} changes by services.save_policy, {PROCESSES} processes that do nothing but decide"
    return Table("The last answer by the old policy, after a change", method, ("median s", "worst s"), rows)


def _last_stale(number: int, last_seen: list[dict[int, float]]) -> float:
    """Return when any process last went by a limit older than that of this change."""
    return max(at for seen in last_seen for limit, at in seen.items() if limit < FIRST_LIMIT + number)


def _figures(seconds: list[float]) -> tuple[str, str]:
    return f"{statistics.median(seconds):.3f}", f"{max(seconds):.3f}"
