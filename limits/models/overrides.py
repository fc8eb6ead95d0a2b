"""Overrides, as they are edited, and the versions of the parts in which they travel."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateformat import format as in_format

from limits.conf import conf
from limits.core import overrides
from limits.core.overrides import SUBJECT_CHARACTERS_MAX, Effect, Kind, kind_of, part_of, read_subject
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.fields import RatesField
from limits.models.policies import Policy

GRACE = timedelta(hours=1)
"""Between opening a form and saving it; so that the last day that may be chosen can be."""
YEARS = range(1971, 9001)
"""Beyond them a moment is none any more in another time zone, or with some days added."""
TWINS_MAX = 100
"""So many of one client and policy, each at its time, are taken together: each is compared with all the others."""


EFFECTS = (
    (Effect.EXEMPT.value, "Exempt: never refused, not counted"),
    (Effect.DENIED.value, "Denied: always refused"),
    (Effect.RATES.value, "Other rates"),
)
KINDS = (
    (Kind.ADDRESS.value, "One address"),
    (Kind.NETWORK.value, "A network"),
    (Kind.USER.value, "A user"),
    (Kind.GROUP.value, "A group of users"),
    (Kind.VALUE.value, "What a client sends"),
)


class OptionalRatesField(RatesField):
    """Rates as RatesField has them, or none at all."""

    def to_python(self, value: Any) -> tuple[Rate, ...]:
        return super().to_python(value) if value else ()


class Override(models.Model):
    """Somebody is exempt from a policy or all, denied, or has other rates. Its subject, once made, is never changed.

    What a client sends is there as a keyed hash alone.
    """

    subject = models.CharField(max_length=SUBJECT_CHARACTERS_MAX, editable=False)
    kind = models.CharField("for whom", max_length=10, choices=KINDS, editable=False)
    part = models.PositiveSmallIntegerField(db_index=True, editable=False)
    policy = models.CharField(max_length=50, blank=True, default="")
    effect = models.CharField(max_length=10, choices=EFFECTS)
    rates = OptionalRatesField("other rates", blank=True, default=())
    since = models.DateTimeField("from", default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200)
    saved_by = models.CharField("who", max_length=254, editable=False)
    saved_at = models.DateTimeField(editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    in_words = ""
    """The subject in people's words, where somebody has looked it up for them."""

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["subject"], name="override_subject"),
            models.Index(fields=["until"], name="override_until"),
        ]

    def __str__(self) -> str:
        # Without `in_words` no address is named: such a text goes into logs that are kept.
        return f"{self._told_of_whom()}{self._told_of_when()}"

    def place(self, subject: str) -> None:
        """Say whom it is for. Raises OverrideError, telling what would be right."""
        self.subject = read_subject(subject)
        self.kind = kind_of(self.subject)
        self.part = part_of(self.subject)

    def clean(self, *, token_buckets: Collection[str] | None = None) -> None:
        """Hold every rule between fields. Raises ValidationError.

        `token_buckets`: the slugs of the policies that are such, by whoever has many to clean; else they are asked for.
        """
        wrong = dict(self._wrong(token_buckets))
        if wrong:
            raise ValidationError(wrong)

    def _wrong(self, token_buckets: Collection[str] | None) -> list[tuple[str, str]]:
        wrong = []
        if (self.effect == Effect.RATES) != bool(self.rates):
            told = "Give the rates that hold instead." if not self.rates else "Rates are for “Other rates” only."
            wrong.append(("rates", told))
        elif any(rate.burst for rate in self.rates) and not self._is_for_a_token_bucket(token_buckets):
            wrong.append(("rates", "A burst is for one policy that is a token bucket."))
        far = [name for name in ("since", "until") if is_far(getattr(self, name))]
        if far:
            wrong += [(name, f"Give a year from {YEARS[0]} to {YEARS[-1]}.") for name in far]
        elif self.until and self.since and self.until <= self.since:
            wrong.append(("until", "It must end after it begins."))
        elif self.kind == Kind.ADDRESS and (self.until is None or self.until > address_ends() + GRACE):
            told = f"An address of a person is kept for {conf.address_days} days at most. A network may stand for ever."
            wrong.append(("until", told))
        return wrong

    def _is_for_a_token_bucket(self, known: Collection[str] | None) -> bool:
        if known is not None:
            return self.policy in known
        return Policy.objects.filter(slug=self.policy, algorithm=Algorithm.TOKEN_BUCKET).exists()

    def still_holds(self, *, at: datetime) -> bool:
        """Say whether it holds at a time, or will later."""
        return self.until is None or self.until > at

    def overlaps(self, other: "Override") -> bool:
        """Say whether there is a time at which both hold."""
        return self.still_holds(at=other.since) and other.still_holds(at=self.since)

    def as_value(self) -> overrides.Override:
        """Return the override as the frozen value that enforcement knows."""
        return overrides.Override(
            id=self.pk,
            subject=self.subject,
            policy=self.policy,
            effect=Effect(self.effect),
            rates=self.rates,
            since=self.since.timestamp(),
            until=self.until.timestamp() if self.until else None,
        )

    def _told_of_whom(self) -> str:
        whom = self.in_words[:1].lower() + self.in_words[1:] or self._unnamed()
        policy = self.policy or "all policies"
        if self.effect == Effect.EXEMPT:
            return f"Exempt {whom} from {policy}"
        if self.effect == Effect.DENIED:
            return f"Deny {whom} under {policy}"
        return f"Give {whom} {', '.join(map(str, self.rates))} under {policy}"

    def _unnamed(self) -> str:
        if self.kind != Kind.ADDRESS:
            return self.subject
        return f"one address (override {self.pk})" if self.pk else "one address"

    def _told_of_when(self) -> str:
        ends = f" until {_moment(self.until)}" if self.until else ""
        if self.since <= timezone.now():
            return ends
        return f", from {_moment(self.since)}{ends or ' on'}"


class OverridePart(models.Model):
    """How often the overrides of a part were written.

    A version grows in the transaction of each write. It is a time in milliseconds, where that is greater: so a database
    that was restored never comes to a version again that it had before, for other content.
    """

    number = models.PositiveSmallIntegerField(primary_key=True)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"part {self.number} at {self.version}"


def is_far(moment: datetime | None) -> bool:
    """Say whether a moment is too far away to be kept and reckoned with."""
    return moment is not None and moment.year not in YEARS


def address_ends() -> datetime:
    """Return until when an override for an address that is made now may last: it keeps where a person is."""
    return timezone.now() + timedelta(days=conf.address_days)


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return in_format(local, "j M Y" if is_midnight else "j M Y, H:i")
