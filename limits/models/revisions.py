"""Who changed what."""

from django.conf import settings
from django.db import models


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
