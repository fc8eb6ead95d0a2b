"""Signs of life."""

from django.db import models


class Heartbeat(models.Model):
    """When a Celery worker was last alive; `name` is its node name, such as worker@host."""

    name = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
