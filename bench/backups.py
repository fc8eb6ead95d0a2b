"""Backups: taking a gigabyte against `redis-cli --rdb`, and a million counters parsed and restored."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

from bench import stage
from bench.children import CannotMeasure
from bench.report import Row, Table, at_least, at_most, ratio

VALUES, VALUE_BYTES, VALUES_AT_ONCE = 100_000, 10_000, 500
COUNTERS, COUNTERS_AT_ONCE = 1_000_000, 50_000
ROUNDS = 3
MEGABYTE = 1_000_000
MEMORY_MOST, SPEED_LEAST, PARSED_MOST_SECONDS = 64, 0.5, 3
LOADS = 3
# Addresses of 100.64.0.0/10, as the policy `login` counts them within an hour.
_COUNT = """
local first, last, ends_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
for n = first, last do
  local address = '100.' .. (64 + math.floor(n / 65536)) .. '.' .. (math.floor(n / 256) % 256) .. '.' .. (n % 256)
  redis.call('SET', 'rl:{login:' .. address .. '}:3600', n % 50 + 1, 'PXAT', ends_ms + n)
end
"""
_LASTS_MS = 24 * 3_600_000

Tell = Callable[[str], None]
Figures = dict[str, Any]


def run(folder: Path, tell: Tell) -> list[Table]:
    """Fill a Redis twice, and return what it took to look after it."""
    with stage.stage(folder) as on, redis.Redis.from_url(on.redis.url) as client:
        client.config_set("repl-diskless-sync-delay", 0)
        tell(f"filling Redis with {VALUES * VALUE_BYTES / 1e9:g} GB")
        _fill_with_values(client)
        backer = Backer(on)
        taken, made = _of_a_gigabyte(backer, tell=tell)
        client.flushall()
        tell(f"filling Redis with {COUNTERS:,} counters")
        _fill_with_counters(client)
        counters = _of_counters(backer, client=client, tell=tell)
    return [taken, made, counters]


class Backer:
    """Our processes, each new, and what Redis brings along, all on one server."""

    def __init__(self, on: stage.Stage) -> None:
        self._on = on
        # Whatever this machine's own settings say.
        unset = {"BACKUP_DIR": "", "BACKUP_STORAGE_URL": "", "BACKUP_RECIPIENT": ""}
        self._site = on.site("site", database=0) | unset
        self.folder = on.folder

    @property
    def url(self) -> str:
        return self._on.redis.url

    def ask(self, name: str, *arguments: object) -> Figures:
        """Return what a new process of ours answers."""
        with self._on.children.ours("bench.ours.backer", environment=self._site) as child:
            answer: Figures = child.ask(name, *map(str, arguments))
        return answer

    def take_by_cli(self, file: Path) -> Figures:
        """Return what `redis-cli --rdb` takes, and the size of what it wrote."""
        seconds = self._seconds_of("redis-cli", "-u", self.url, "--rdb", str(file))
        return {"file": str(file), "seconds": seconds, "size_bytes": file.stat().st_size}

    def check_by_redis(self, file: Path) -> float:
        """Return the seconds that `redis-check-rdb` takes for a file."""
        return self._seconds_of("redis-check-rdb", str(file))

    def _seconds_of(self, *command: str) -> float:
        began = time.monotonic()
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds = time.monotonic() - began
        if ran.returncode:
            raise CannotMeasure(f"{command[0]} failed: {ran.stdout.strip()}")
        return seconds


def _fill_with_values(client: "redis.Redis") -> None:
    """Set values that nothing compresses."""
    for first in range(0, VALUES, VALUES_AT_ONCE):
        noise = os.urandom(VALUES_AT_ONCE * VALUE_BYTES)
        client.mset(
            {
                f"value:{first + number}": noise[number * VALUE_BYTES : (number + 1) * VALUE_BYTES]
                for number in range(VALUES_AT_ONCE)
            }
        )


def _fill_with_counters(client: "redis.Redis") -> None:
    count = client.register_script(_COUNT)
    ends_ms = int(time.time() * 1000) + _LASTS_MS
    for first in range(0, COUNTERS, COUNTERS_AT_ONCE):
        count(args=[first, first + COUNTERS_AT_ONCE - 1, ends_ms])


def _of_a_gigabyte(backer: Backer, *, tell: Tell) -> tuple[Table, Table]:
    ours: list[Figures] = []
    theirs: list[Figures] = []
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}: taking a gigabyte")
        turns: list[Callable[[], None]] = [
            lambda: ours.append(_thrown_away(backer.ask("take", backer.folder / "taken"))),
            lambda: theirs.append(_thrown_away(backer.take_by_cli(backer.folder / "by-cli.rdb"))),
        ]
        # Who comes second finds what the first left to the disks.
        for turn in turns if number % 2 else reversed(turns):
            turn()
    _demand(all(figures["method"] == "wire" for figures in ours), "It was not taken over the wire.")
    tell("making a whole backup of it")
    made = backer.ask("make")
    _demand(made["level"] == LOADS, f"The backup was not proven: {' '.join(made['warnings'])}")
    return _taken(ours, theirs), _made(made)


def _of_counters(backer: Backer, *, client: "redis.Redis", tell: Tell) -> Table:
    file = backer.folder / "counters.rdb"
    size_bytes = backer.take_by_cli(file)["size_bytes"]
    measured: list[Figures] = []
    checked: list[float] = []
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}: parsing counters")
        measured.append(backer.ask("measure", file))
        checked.append(backer.check_by_redis(file))
    tell("restoring counters")
    client.flushall()
    loaded = backer.ask("load", file, backer.url)
    client.flushall()
    restored = backer.ask("restore", file, backer.url)
    everything = (*measured, loaded, restored)
    _demand(all(figures["keys"] == COUNTERS for figures in everything), "There are other keys than were counted.")
    seconds = _median(measured, "seconds")
    rows = [
        Row("parsed by ours", _of_many(measured), [at_most(seconds, PARSED_MOST_SECONDS, unit="s")]),
        Row("… by redis-check-rdb", (*_speed(statistics.median(checked)), "")),
        Row("restored into an empty database", _of_many([loaded])),
        Row("… compared too, and exchanged", _of_many([restored])),
    ]
    method = f"a file of {size_bytes / MEGABYTE:.0f} MB; parsed: medians of {ROUNDS}; restored: once"
    return Table(f"{COUNTERS:,} counters with an expiry", method, ("s", "keys/s", "MB more"), rows)


def _taken(ours: Sequence[Figures], theirs: Sequence[Figures]) -> Table:
    share = ratio([each["seconds"] for each in theirs], [each["seconds"] for each in ours])
    memory = max(each["megabytes"] for each in ours)
    goals = [at_least(share, SPEED_LEAST, unit="×"), at_most(memory, MEMORY_MOST, unit="MB")]
    rows = [
        Row("ours", (*_rate(ours), f"{share:.2f}", f"{memory:.1f}"), goals),
        Row("redis-cli --rdb", (*_rate(theirs), "1", "")),
    ]
    size = _median(ours, "size_bytes") / MEGABYTE
    method = f"{size:,.0f} MB by the wire from Redis 7.0, medians of {ROUNDS} in turns; memory at worst"
    return Table("Taking a gigabyte", method, ("s", "MB/s", "× speed", "MB more"), rows)


def _made(made: Figures) -> Table:
    goals = [at_most(made["megabytes"], MEMORY_MOST, unit="MB")]
    row = Row(
        "taken, loaded by a scratch server, packed", (f"{made['seconds']:.1f}", f"{made['megabytes']:.1f}"), goals
    )
    return Table("A whole backup of it", "once; the memory of our process", ("s", "MB more"), [row])


def _rate(taken: Sequence[Figures]) -> tuple[str, str]:
    speed = statistics.median(each["size_bytes"] / MEGABYTE / each["seconds"] for each in taken)
    return f"{_median(taken, 'seconds'):.2f}", f"{speed:.0f}"


def _of_many(figures: Sequence[Figures]) -> tuple[str, ...]:
    return *_speed(_median(figures, "seconds")), f"{max(each['megabytes'] for each in figures):.1f}"


def _speed(seconds: float) -> tuple[str, str]:
    return f"{seconds:.2f}", f"{COUNTERS / seconds:,.0f}"


def _median(figures: Sequence[Mapping[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in figures)


def _thrown_away(taken: Figures) -> Figures:
    """Delete the file, which takes a gigabyte."""
    Path(taken["file"]).unlink()
    return taken


def _demand(holds: bool, words: str) -> None:
    if not holds:
        raise CannotMeasure(words)
