"""Policies, as they are edited."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from limits.core import policies
from limits.core.policies import (
    COST_MAX,
    IPV6_PREFIX,
    PENALTY_SECONDS_MAX,
    SLUG_PATTERN,
    Algorithm,
    Counts,
    Mode,
    WithoutRedis,
)
from limits.core.rates import Rate
from limits.fields import ClientKeyField, MethodsField, PathField, RatesField
from limits.url_names import url_names

MODES = ((Mode.ENFORCE.value, "Enforce"), (Mode.SHADOW.value, "Shadow"), (Mode.OFF.value, "Off"))
ALGORITHMS = (
    (Algorithm.FIXED_WINDOW.value, "Fixed window"),
    (Algorithm.SLIDING_WINDOW.value, "Sliding window"),
    (Algorithm.TOKEN_BUCKET.value, "Token bucket"),
)
COUNTS = (
    (Counts.EVERY.value, "Every request"),
    (Counts.CLIENT_ERRORS.value, "Requests answered with an error of the client (4xx)"),
    (Counts.FAILED_LOGINS.value, "Failed logins"),
)
WITHOUT_REDIS = (
    (WithoutRedis.ALLOW.value, "Let everybody in, uncounted"),
    (WithoutRedis.REFUSE.value, "Refuse everybody (503)"),
    (WithoutRedis.COUNT_HERE.value, "Count in each process by itself"),
)
PRIORITY_MAX = 1_000
IPV6_PREFIX_MIN, IPV6_PREFIX_MAX = 32, 128


class Policy(models.Model):
    """A limit by name, as it is edited. `version` grows with every write, so that two editors notice each other."""

    slug = models.CharField(
        "name in code",
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(rf"^{SLUG_PATTERN}\Z", "Use small letters, digits and single dashes, such as api-search.")
        ],
    )
    title = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    mode = models.CharField(max_length=10, choices=MODES, default=Mode.ENFORCE.value)
    algorithm = models.CharField(
        "how it counts", max_length=20, choices=ALGORITHMS, default=Algorithm.FIXED_WINDOW.value
    )
    rates = RatesField()
    key = ClientKeyField("who is counted", max_length=150)
    methods = MethodsField("methods", max_length=60, blank=True, default=())
    view = models.CharField(max_length=200, blank=True)
    path = PathField(max_length=200, blank=True)
    priority = models.SmallIntegerField(
        default=0, validators=[MinValueValidator(-PRIORITY_MAX), MaxValueValidator(PRIORITY_MAX)]
    )
    ipv6_prefix = models.PositiveSmallIntegerField(
        "IPv6 prefix",
        default=IPV6_PREFIX,
        validators=[MinValueValidator(IPV6_PREFIX_MIN), MaxValueValidator(IPV6_PREFIX_MAX)],
    )
    cost = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(COST_MAX)])
    counts = models.CharField("what counts", max_length=20, choices=COUNTS, default=Counts.EVERY.value)
    refusals_count = models.BooleanField("refused requests count too", default=False)
    penalty_seconds = models.PositiveIntegerField(
        "penalty in seconds", default=0, validators=[MaxValueValidator(PENALTY_SECONDS_MAX)]
    )
    without_redis = models.CharField(
        "without Redis", max_length=20, choices=WITHOUT_REDIS, default=WithoutRedis.ALLOW.value
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        """Refuse what can never work, beside the field that would have to change."""
        problems = dict(self._problems())
        if problems:
            raise ValidationError(problems)

    def as_value(self) -> policies.Policy:
        """Return the policy as the frozen value that enforcement knows."""
        return policies.Policy(
            slug=self.slug,
            title=self.title,
            key=self.key,
            rates=self.rates,
            mode=Mode(self.mode),
            algorithm=Algorithm(self.algorithm),
            methods=self.methods,
            view=self.view,
            path=self.path,
            priority=self.priority,
            ipv6_prefix=self.ipv6_prefix,
            refusals_count=self.refusals_count,
            penalty_seconds=self.penalty_seconds,
            cost=self.cost,
            counts=Counts(self.counts),
            without_redis=WithoutRedis(self.without_redis),
        )

    def _problems(self) -> Iterator[tuple[str, str]]:
        # A field that is wrong by itself is told by itself, and may hold anything here.
        rates: tuple[Rate, ...] = self.rates if isinstance(self.rates, tuple) else ()
        with_burst = [rate for rate in rates if rate.burst]
        if with_burst and self.algorithm != Algorithm.TOKEN_BUCKET:
            plain = Rate(with_burst[0].limit, with_burst[0].window_seconds)
            yield "rates", f"Only a token bucket has a burst. Write {plain}, or choose Token bucket."
        smallest = min(rates, key=lambda rate: rate.capacity, default=None)
        if smallest and isinstance(self.cost, int) and self.cost > smallest.capacity:
            yield "cost", f"A request of cost {self.cost} never fits into {smallest}: {smallest.capacity} at most."
        if self.view and self.path:
            yield "path", "Give a view or a path, not both. For both, make two policies."
        # What is off may name a view that is gone: it can be switched off whatever became of the site.
        if self.view and self.mode != Mode.OFF and self.view not in url_names():
            yield "view", f"No address of this site is named “{self.view}”. Choose one of the list."
