"""Answers a second through gunicorn as `make run` starts it: refusals, against the pages that they stand for.

Every site is the portal, with its middleware and its home page; only who limits differs.
"""

import contextlib
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import stage
from bench.children import Child
from bench.report import Row, Table, at_least, ratio
from bench.web import CONNECTIONS, Question, Site, refuse_without_wrk

ROUNDS, SECONDS = 5, 1
HOME, PLAIN_PAGE = "the home page, no limit", "a view that does nothing, no limit"
ENOUGH = 60
"""Requests that use up every limit here in both workers."""
IN_FORCE_SECONDS = 0.7

FREE_HOME, REFUSED_HOME = Question("/", 200), Question("/", 429)


@dataclass(frozen=True, slots=True)
class Contender:
    """A question to a site, what has to be done before, and how often it was answered in a second, turn by turn."""

    name: str
    site: Site
    question: Question
    prepare: Callable[[], object] = lambda: None
    goal: float | None = None
    per_second: list[float] = field(default_factory=list)

    def take_turn(self, folder: Path) -> None:
        self.prepare()
        script = folder / "question.lua"
        self.per_second.append(self.site.answers_per_second(self.question, seconds=SECONDS, script=script))


def run(folder: Path, tell: Callable[[str], None]) -> list[Table]:
    """Take turns, and return the figures."""
    refuse_without_wrk()
    with stage.stage(folder) as on, contextlib.ExitStack() as sites:
        contenders = _contenders(on, sites)
        for number in range(ROUNDS):
            tell(f"round {number + 1} of {ROUNDS}")
            for contender in contenders:
                contender.take_turn(folder)
    return [_table({contender.name: contender for contender in contenders})]


def _contenders(on: stage.Stage, sites: contextlib.ExitStack) -> list[Contender]:
    place = on.site("ours", settings="bench.served.ours")
    operator = on.children.ours("bench.ours.operator", environment=place)
    operator.ask("sync")
    operator.ask("save", "login", {"rates": "5 per hour"})
    ours = sites.enter_context(Site(place, log=on.folder / "ours.log"))
    switch = _Switch(operator)
    switch.off()
    login = _refused_login(ours)
    switch.on()
    _use_up(ours)

    def peer(name: str, **variables: str) -> Site:
        environment = on.site("-".join([name, *variables.values()]), settings=f"bench.served.{name}") | variables
        log = on.folder / f"{name}.log"
        return _use_up(sites.enter_context(Site(environment, application="bench.served.wsgi", log=log)))

    forbidden = Question("/", 403)
    return [
        Contender(HOME, ours, FREE_HOME, switch.off),
        Contender(PLAIN_PAGE, ours, Question("/plain/", 200), switch.off),
        Contender("ours, POST /login/ refused by a view's policy", ours, login, goal=2.0),
        Contender("ours, the home page refused site-wide", ours, REFUSED_HOME, switch.on, goal=2.0),
        Contender("plain django-ratelimit, logging off", peer("plain", BENCH_LOGGING="off"), forbidden),
        Contender("plain django-ratelimit, Django's logging", peer("plain", BENCH_LOGGING="django"), forbidden),
        Contender("plain django-ratelimit, logged to stderr", peer("plain", BENCH_LOGGING="console"), forbidden),
        Contender("a dictionary in the first middleware", peer("dictionary"), REFUSED_HOME),
    ]


class _Switch:
    """Switches the default policy as an operator does, and waits until every worker goes by it."""

    def __init__(self, operator: Child) -> None:
        self._operator = operator
        self._mode = ""

    def on(self) -> None:
        self._turn("enforce")

    def off(self) -> None:
        self._turn("off")

    def _turn(self, mode: str) -> None:
        if mode != self._mode:
            self._operator.ask("save", "default", {"mode": mode})
            time.sleep(IN_FORCE_SECONDS)
            self._mode = mode


def _use_up(site: Site) -> Site:
    for _ in range(ENOUGH):
        site.ask(FREE_HOME)
    return site


def _refused_login(site: Site) -> Question:
    """Return a login with a valid token, refused from now on."""
    form = site.ask(Question("/login/", 200))
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.body)
    assert token, "the login page has a form"
    question = Question(
        "/login/",
        429,
        method="POST",
        headers={
            "Cookie": form.headers["Set-Cookie"].partition(";")[0],
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=f"csrfmiddlewaretoken={token[1]}&username=&password=",
    )
    while site.ask(question).status != question.status:
        pass
    return question


def _table(every: dict[str, Contender]) -> Table:
    home, page = every[HOME].per_second, every[PLAIN_PAGE].per_second
    rows = []
    for contender in every.values():
        to_home = ratio(contender.per_second, home)
        figures = (
            f"{statistics.median(contender.per_second):.0f}",
            f"{to_home:.2f}",
            f"{ratio(contender.per_second, page):.2f}",
        )
        goals = () if contender.goal is None else (at_least(to_home, contender.goal, unit="× the home page"),)
        rows.append(Row(contender.name, figures, goals))
    method = f"medians of {ROUNDS} turns of {SECONDS} s, 2 workers of 4 threads, wrk with {CONNECTIONS} connections"
    columns = ("a second", "× the home page", "× the view that does nothing")
    return Table("Answers a second through gunicorn, the portal's middleware on all", method, columns, rows)
