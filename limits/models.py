"""The truth: policies, and who changed what. Only `limits.services` writes it."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from limits.core import policies
from limits.core.policies import SLUG_PATTERN
from limits.fields import ClientKeyField, MethodsField, RatesField


class Policy(models.Model):
    """A limit by name, as it is edited. `version` grows with every write, so that two editors notice each other."""

    slug = models.CharField(
        "name in code",
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(
                rf"^{SLUG_PATTERN}\Z",
                "Use small letters, digits and single dashes, such as api-search.",
            )
        ],
        help_text="What code calls it. It cannot be changed once made.",
    )
    title = models.CharField(max_length=100, help_text="What people who are refused read.")
    description = models.TextField(blank=True)
    enabled = models.BooleanField("on", default=True)
    key = ClientKeyField(
        "who is counted",
        max_length=80,
        help_text=(
            "ip, user, user or ip, header:NAME or field:NAME. "
            "Whoever has no such user, header or field is counted by address."
        ),
    )
    methods = MethodsField("methods", max_length=60, blank=True, default=(), help_text="None ticked: every method.")
    rates = RatesField(
        help_text=(
            "One to four, one a line: 5 per minute, 5/m, 100 / 15 minutes. "
            "Another limit keeps what has been counted. "
            "Another period, or another way to count, starts afresh."
        )
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.slug

    def as_value(self) -> policies.Policy:
        """Return the policy as the frozen value that enforcement knows."""
        return policies.Policy(
            slug=self.slug,
            title=self.title,
            enabled=self.enabled,
            key=self.key,
            methods=self.methods,
            rates=self.rates,
        )


class Revision(models.Model):
    """One write: who, when, from where, before and after. `before` is null for what was made, `after` for deleted."""

    at = models.DateTimeField()
    subject_type = models.CharField(max_length=20)
    subject = models.CharField(max_length=100)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=254)
    origin = models.CharField("from where", max_length=100)
    reason = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["subject_type", "subject", "-id"], name="revision_of_subject")]

    def __str__(self) -> str:
        return f"{self.subject} by {self.actor_name}"
