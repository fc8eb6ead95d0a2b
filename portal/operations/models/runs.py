"""Long jobs: who asked for them, how far they are, and what came of them."""

from django.db import models


class JobRun(models.Model):
    """One piece of long work. Its row is the lock: no other has its job and slot, nor holds what it holds.

    `holds` names what it keeps others from while it runs, such as `redis:data`; it is NULL otherwise, and databases
    take any number of NULLs in a unique column.
    """

    class State(models.TextChoices):
        """Where a run stands. The last three are final."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CUT_OFF = "cut off", "Cut off"

    job = models.CharField(max_length=30)
    slot = models.CharField(max_length=150)
    source = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    holds = models.CharField(max_length=100, unique=True, null=True, blank=True)
    arguments = models.JSONField(default=dict, blank=True)

    asked_by = models.CharField(max_length=254, blank=True)
    asked_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField("not begun after", null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    attempts_max = models.PositiveSmallIntegerField(default=1)
    retry_minutes = models.PositiveSmallIntegerField(default=10)

    began_at = models.DateTimeField(null=True, blank=True)
    alive_at = models.DateTimeField("last sign of life", null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    progress = models.CharField(max_length=200, blank=True)
    done = models.BigIntegerField(null=True, blank=True)
    total = models.BigIntegerField(null=True, blank=True)
    outcome = models.TextField(blank=True)
    subject = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        verbose_name = "long job"
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="one_run_a_slot")]
        indexes = [
            models.Index(fields=["state", "not_before"], name="runs_by_state"),
            models.Index(fields=["source", "job", "-id"], name="runs_of_source"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.slot}"

    @property
    def is_over(self) -> bool:
        """Say whether nothing more will come of it."""
        return self.state not in (self.State.WAITING, self.State.RUNNING)
