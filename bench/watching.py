"""Watching: two million samples, a year of a large set of servers, kept, thinned out and read for the dashboard."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import stage
from bench.children import Child
from bench.report import Row, Table, at_least, at_most
from tests.servers import start_mariadb

SAMPLES_LEAST = 2_000_000
ANSWER_MOST_SECONDS = 0.5
PERIODS = ("hour", "day", "month", "year")

Tell = Callable[[str], None]


def run(folder: Path, tell: Tell) -> list[Table]:
    """Fill a database of each kind that is installed, and return what reading it took."""
    with stage.stage(folder) as on:
        tables = [_measured("SQLite", on, database_url="", tell=tell)]
        if shutil.which("mariadbd"):
            mariadb = start_mariadb(folder / "mariadb")
            try:
                tables.append(_measured("MariaDB", on, database_url=mariadb.url, tell=tell))
            finally:
                mariadb.stop()
    return tables


def _measured(name: str, on: stage.Stage, *, database_url: str, tell: Tell) -> Table:
    site = on.site(name, database=0) | ({"DATABASE_URL": database_url} if database_url else {})
    with on.children.ours("bench.ours.watcher", environment=site) as child:
        if database_url:
            tell(f"{name}: making tables")
            child.ask("migrate")
        tell(f"{name}: filling")
        filled = child.ask("fill")
        tell(f"{name}: reading")
        rows = [*_read(child), _front_page(child), *_written(child)]
    filling = Row(
        f"{filled['samples']:,} samples filled in",
        (f"{filled['seconds']:.1f}",),
        [at_least(filled["samples"], SAMPLES_LEAST, unit="samples")],
    )
    return Table(f"Watching, on {name}", "the slowest of 5, each of another server", ("s",), [filling, *rows])


def _read(child: Child) -> list[Row]:
    found = {period: child.ask("read", period) for period in PERIODS}
    others = max(each["others"] for each in found.values())
    return [
        *(_goal(f"a {period} of a server for a plot", found[period]["points"]) for period in PERIODS),
        _goal("how all stand, one's forecast", others),
    ]


def _front_page(child: Child) -> Row:
    return _goal("the admin's front page", child.ask("page"))


def _written(child: Child) -> list[Row]:
    kept: Any = child.ask("keep")
    thinned, again = child.ask("thin_out")
    return [
        _goal("a look at all kept", kept),
        Row("thinned out two hours later", (f"{thinned:.3f}",)),
        Row("… and at once again", (f"{again:.3f}",)),
    ]


def _goal(name: str, seconds: float) -> Row:
    return Row(name, (f"{seconds:.3f}",), [at_most(seconds, ANSWER_MOST_SECONDS, unit="s")])
