"""What the checklist is made of, as frozen values: lines, verdicts, results."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from portal.operations.checklist.context import Context

Commands: TypeAlias = tuple[str, ...]
"""What is typed into a shell, one after the other."""


class State(StrEnum):
    """How a line stands."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "cannot tell"


SYMBOLS = {State.PASS: "✔", State.FAIL: "✘", State.UNKNOWN: "?"}
_WORST_FIRST = (State.FAIL, State.UNKNOWN, State.PASS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found at one place ('' for the site itself), and the commands that mend it, or that tell more.

    `advice` says what no command can do.
    """

    state: State
    found: str
    mend: Commands = ()
    advice: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One question of the checklist."""

    id: str
    subject: str
    title: str
    why: str
    check: "Callable[[Context], Iterable[Verdict]]"


@dataclass(frozen=True, slots=True)
class Result:
    """What a line found, place by place."""

    id: str
    subject: str
    title: str
    why: str
    verdicts: tuple[Verdict, ...]

    @property
    def state(self) -> State:
        """The worst of all places."""
        states = {verdict.state for verdict in self.verdicts}
        return next((state for state in _WORST_FIRST if state in states), State.UNKNOWN)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"state": str(self.state)} | asdict(self)


def passed(found: str) -> Verdict:
    """Return the verdict that all is well."""
    return Verdict(State.PASS, found)


def failed(found: str, *, mend: Commands = (), advice: str = "") -> Verdict:
    """Return the verdict that something is to be mended."""
    return Verdict(State.FAIL, found, mend, advice)


def unknown(found: str, *, mend: Commands = (), advice: str = "") -> Verdict:
    """Return the verdict that it cannot be seen from here; `mend` holds what tells."""
    return Verdict(State.UNKNOWN, found, mend, advice)


def result_of(told: Mapping[str, Any]) -> Result:
    """Return what `as_dict` wrote down."""
    verdicts = tuple(Verdict(**each | {"mend": tuple(each["mend"])}) for each in told["verdicts"])
    fields = {name: told[name] for name in ("id", "subject", "title", "why")}
    return Result(**fields, verdicts=tuple(_with_state(verdict) for verdict in verdicts))


def _with_state(verdict: Verdict) -> Verdict:
    return Verdict(State(verdict.state), verdict.found, verdict.mend, verdict.advice, verdict.place)
