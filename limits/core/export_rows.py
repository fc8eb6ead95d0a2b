"""What an export holds of a policy, an override and a revision, as values, and as what JSON knows.

Ids count nothing beyond the database that gave them: users and groups go by their names, and a row's number tells its
place among the others alone.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from limits.core import snapshots
from limits.core.overrides import SUBJECT_CHARACTERS_MAX, Effect, read_subject
from limits.core.policies import SLUG_PATTERN, Policy
from limits.core.rates import Rate

NUMBER_MAX = 2**63 - 1
VERSION_MAX = 2**31 - 1
CHARACTERS_MAX = {
    "policy": 50,
    "reason": 200,
    "saved_by": 254,
    "subject_type": 20,
    "actor_name": 254,
    "origin": 100,
}
REVISION_SUBJECT_CHARACTERS_MAX = 100
NAME_CHARACTERS_MAX = 1_000
"""Of a user or a group."""
DESCRIPTION_CHARACTERS_MAX = 8 << 20
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy, with what enforcement does not ask for."""

    kind: ClassVar[str] = "policy"
    policy: Policy
    description: str
    version: int

    @property
    def place(self) -> tuple[int, str]:
        """Where it comes in an export; no two are at one place."""
        return 0, self.policy.slug

    def __str__(self) -> str:
        return f"the policy “{self.policy.slug}”"

    def to_plain(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return snapshots.to_plain(self.policy) | {"description": self.description, "version": self.version}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "PolicyRow":
        """Return what `to_plain` wrote. Raises TypeError, AttributeError, LookupError or ValueError."""
        return cls(
            policy=snapshots.from_plain(plain),
            description=_text(plain, "description", most=DESCRIPTION_CHARACTERS_MAX),
            version=_number(plain, "version", most=VERSION_MAX),
        )


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """An override. `name`: the user's or the group's that the subject is; '' for other subjects, and who is gone."""

    kind: ClassVar[str] = "override"
    number: int
    subject: str
    name: str
    policy: str
    effect: Effect
    rates: tuple[Rate, ...]
    since: datetime
    until: datetime | None
    reason: str
    saved_by: str
    saved_at: datetime
    version: int

    @property
    def place(self) -> tuple[int, int]:
        """Where it comes in an export; no two are at one place."""
        return 1, self.number

    def __str__(self) -> str:
        return f"the override number {self.number}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return {
            "number": self.number,
            "subject": self.subject,
            "name": self.name,
            "policy": self.policy,
            "effect": self.effect,
            "rates": [[rate.limit, rate.window_seconds, rate.burst] for rate in self.rates],
            "since": written(self.since),
            "until": written(self.until) if self.until else None,
            "reason": self.reason,
            "saved_by": self.saved_by,
            "saved_at": written(self.saved_at),
            "version": self.version,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "OverrideRow":
        """Return what `to_plain` wrote. Raises TypeError, AttributeError, LookupError or ValueError."""
        effect, rates, policy = Effect(plain["effect"]), plain["rates"], _text(plain, "policy")
        if policy and not re.fullmatch(SLUG_PATTERN, policy):
            raise ValueError(f"{policy!r} is not a policy's name.")
        if (effect is Effect.RATES) != bool(rates):
            raise ValueError("rates are for overrides that give other rates, and only for these.")
        return cls(
            number=_number(plain, "number"),
            subject=read_subject(_text(plain, "subject", most=SUBJECT_CHARACTERS_MAX)),
            name=_text(plain, "name", most=NAME_CHARACTERS_MAX),
            policy=policy,
            effect=effect,
            rates=snapshots.rates_from_plain(rates) if rates else (),
            since=_moment(plain["since"]),
            until=None if plain["until"] is None else _moment(plain["until"]),
            reason=_text(plain, "reason"),
            saved_by=_text(plain, "saved_by"),
            saved_at=_moment(plain["saved_at"]),
            version=_number(plain, "version", most=VERSION_MAX),
        )


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One write. `actor`: the name by which a user logs in; None: nobody did, or the user is gone."""

    kind: ClassVar[str] = "revision"
    number: int
    at: datetime
    subject_type: str
    subject: str
    name: str
    actor: str | None
    actor_name: str
    origin: str
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def place(self) -> tuple[int, int]:
        """Where it comes in an export; no two are at one place."""
        return 2, self.number

    def __str__(self) -> str:
        return f"the revision number {self.number}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return {
            "number": self.number,
            "at": written(self.at),
            "subject_type": self.subject_type,
            "subject": self.subject,
            "name": self.name,
            "actor": self.actor,
            "actor_name": self.actor_name,
            "origin": self.origin,
            "reason": self.reason,
            "before": self.before,
            "after": self.after,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "RevisionRow":
        """Return what `to_plain` wrote. Raises TypeError, AttributeError, LookupError or ValueError."""
        return cls(
            number=_number(plain, "number"),
            at=_moment(plain["at"]),
            subject_type=_text(plain, "subject_type"),
            subject=_text(plain, "subject", most=REVISION_SUBJECT_CHARACTERS_MAX),
            name=_text(plain, "name", most=NAME_CHARACTERS_MAX),
            actor=None if plain["actor"] is None else _text(plain, "actor", most=NAME_CHARACTERS_MAX),
            actor_name=_text(plain, "actor_name"),
            origin=_text(plain, "origin"),
            reason=_text(plain, "reason"),
            before=_typed_or_none(plain, "before", dict),
            after=_typed_or_none(plain, "after", dict),
        )


Row = PolicyRow | OverrideRow | RevisionRow
ROWS: dict[str, type[Row]] = {row.kind: row for row in (PolicyRow, OverrideRow, RevisionRow)}


def written(moment: datetime) -> str:
    """Return a moment as it is written in an export: to the microsecond, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_from(text: str) -> datetime:
    """Return the moment that `written` wrote. Raises TypeError or ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone.")
    return moment.astimezone(UTC)


def _moment(text: str) -> datetime:
    try:
        return moment_from(text)
    except OverflowError as error:
        raise ValueError(f"{text!r} is no moment that can be kept.") from error


def _text(plain: dict[str, Any], name: str, *, most: int | None = None) -> str:
    text = _typed(plain, name, str)
    most = most or CHARACTERS_MAX[name]
    text.encode()  # half of a surrogate pair can be written as JSON, and nowhere else
    if len(text) > most:
        raise ValueError(f"{name} is longer than {most} characters.")
    return text


def _number(plain: dict[str, Any], name: str, *, most: int = NUMBER_MAX) -> int:
    number = _typed(plain, name, int)
    if not 1 <= number <= most:
        raise ValueError(f"{name} is not from 1 to {most}: {number}.")
    return number


def _typed(plain: dict[str, Any], name: str, kind: type[Value]) -> Value:
    value = plain[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is not what it should be: {str(value)[:80]!r}.")
    return value


def _typed_or_none(plain: dict[str, Any], name: str, kind: type[Value]) -> Value | None:
    return None if plain[name] is None else _typed(plain, name, kind)
