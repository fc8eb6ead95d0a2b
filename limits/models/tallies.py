"""What came of requests: by policy and minute, and the last that were refused."""

from collections.abc import Sequence

from django.db import models


class Tally(models.Model):
    """How the decisions of one policy in one minute went; each is one of the four. A policy may be gone by now."""

    policy = models.CharField(max_length=50)
    minute = models.DateTimeField("minute from")
    allowed = models.PositiveBigIntegerField(default=0)
    near_limit = models.PositiveBigIntegerField("near the limit", default=0)
    shadow_refused = models.PositiveBigIntegerField("refused in shadow", default=0)
    refused = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-minute", "policy"]
        verbose_name_plural = "tallies"
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["minute", "policy"], name="one_tally_a_minute")]

    def __str__(self) -> str:
        return f"{self.policy} at {self.minute:%Y-%m-%d %H:%M}"


class LastRefusal(models.Model):
    """Who was refused, where, and by which policy. Holds addresses of people: few, and not for long."""

    entry = models.CharField(max_length=50, unique=True, editable=False)
    at = models.DateTimeField()
    policy = models.CharField(max_length=50)
    client = models.CharField("who", max_length=200)
    place = models.CharField("where", max_length=200)

    in_words = ""
    """The client in people's words, where a list has looked it up."""
    links: Sequence[tuple[str, str]] = ()
    """Where to go from here, in words and by address, where a list has looked it up."""

    class Meta:
        # Workers write in batches: what is written later may have come earlier.
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["at"], name="refusals_by_age")]

    def __str__(self) -> str:
        return f"{self.client} by {self.policy}"
