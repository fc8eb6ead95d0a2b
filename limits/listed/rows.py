"""From the lines of a list to the overrides that they mean; what is wrong is told by the line's number."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from limits.core.overrides import Effect, Kind, OverrideError
from limits.core.policies import Algorithm
from limits.core.rates import RateError, parse_rates
from limits.listed.entries import Entry
from limits.listed.subjects import ListedSubjects
from limits.models import Override, Policy
from limits.models.overrides import TWINS_MAX, address_ends

WRONG_MAX = 20
"""So many wrong lines are told; reading ends with the last of them."""

_SET_ON_SAVING = {"saved_by", "saved_at"}


class ListReader:
    """Reads the lines of a list. What a line leaves out is as in `common`, an override that is for nobody yet.

    Without that, as long as it is not right, only whom the lines are for is looked at.
    """

    overrides: dict[int, Override]
    """What the lines mean, by their numbers."""
    repeated = 0
    """How many lines say again what one above said."""
    wrong: list[str]
    """What is wrong, in words."""

    def __init__(self, *, common: Override | None, by_name: bool) -> None:
        self.overrides, self.wrong = {}, []
        self._common = common
        self._by_name = by_name
        self._algorithms = dict(Policy.objects.values_list("slug", "algorithm"))
        self._token_buckets = {slug for slug, name in self._algorithms.items() if name == Algorithm.TOKEN_BUCKET}
        self._address_ends = address_ends()
        self._above: dict[tuple[str, str], dict[tuple[Any, ...], tuple[int, Override]]] = defaultdict(dict)

    def read(self, lines: Sequence[Entry]) -> None:
        """Read lines, until too many are wrong."""
        subjects = ListedSubjects((line.subject for line in lines), by_name=self._by_name)
        for line in lines:
            try:
                subject = subjects.of(line.subject)
                if self._common:
                    self._take(line.number, _made(line, subject, common=self._common, address_ends=self._address_ends))
            except (OverrideError, RateError) as error:
                self.wrong.append(f"Line {line.number}: {error}")
            except ValidationError as error:
                self.wrong.append(f"Line {line.number}: {' '.join(error.messages)}")
            if len(self.wrong) == WRONG_MAX:
                self.wrong.append(f"Reading ended at line {line.number}: so many are wrong.")
                return

    def _take(self, number: int, override: Override) -> None:
        if override.policy and override.policy not in self._algorithms:
            raise OverrideError(f"There is no policy “{override.policy[:80]}”.")
        override.clean_fields(exclude=_SET_ON_SAVING)
        override.clean(token_buckets=self._token_buckets)
        twins, says = self._above[override.subject, override.policy], _says(override)
        if says in twins:
            self.repeated += 1
            return
        for above, twin in twins.values():
            if twin.overlaps(override):
                raise OverrideError(f"It says otherwise than line {above} of the same client and policy.")
        if len(twins) == TWINS_MAX:
            raise OverrideError(f"There are {TWINS_MAX} for this client and policy above: more are not taken.")
        twins[says] = (number, override)
        self.overrides[number] = override


def _made(line: Entry, subject: str, *, common: Override, address_ends: datetime) -> Override:
    told = line.told
    effect = _effect(told["effect"]) if "effect" in told else common.effect
    made = Override(
        policy=told.get("policy", common.policy),
        effect=effect,
        since=_moment(told["from"]) if "from" in told else common.since,
        until=_moment(told["until"]) if "until" in told else common.until,
        reason=told.get("reason", common.reason),
    )
    made.place(subject)
    if "rates" in told:
        made.rates = parse_rates(told["rates"])
    elif effect == Effect.RATES:
        made.rates = common.rates
    if made.kind == Kind.ADDRESS and made.until is None:
        made.until = address_ends
    return made


def _effect(text: str) -> str:
    if text.lower() not in list(Effect):
        raise OverrideError(f"“{text[:40]}” is no effect: write exempt, denied or rates.")
    return text.lower()


def _moment(text: str) -> datetime:
    try:
        moment: datetime = forms.DateTimeField().clean(text)
    except ValidationError:
        raise OverrideError(f"“{text[:40]}” is no time: write it like 2026-12-03 18:00.") from None
    return moment


def _says(override: Override) -> tuple[Any, ...]:
    return override.effect, override.rates, override.since, override.until, override.reason
