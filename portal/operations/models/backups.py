"""Backups, as the admin lists them: a mirror of the storage's manifests, and what people did with them."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from portal.operations.models.runs import JobRun

LEVELS = (
    (0, "Not proven"),
    (1, "Stored whole"),
    (2, "Well formed"),
    (3, "Loads"),
    (4, "Restored"),
)
_KEPT_MAX = 10_000


class Backup(models.Model):
    """A backup that has, or had, a manifest in the storage, which alone is the truth; this row may be made anew."""

    name = models.CharField(max_length=150, unique=True)
    source = models.CharField(max_length=50)
    began_at = models.DateTimeField()
    seconds = models.FloatField("took seconds")
    methods = models.CharField(max_length=100)
    level = models.PositiveSmallIntegerField(choices=LEVELS, default=0)
    keys = models.PositiveBigIntegerField(default=0)
    plain_bytes = models.PositiveBigIntegerField("size", default=0)
    stored_bytes = models.PositiveBigIntegerField("size in the storage", default=0)
    codec = models.CharField(max_length=30, blank=True)
    recipient = models.CharField("encrypted to", max_length=100, blank=True)
    origin = models.CharField("why", max_length=50, blank=True)
    is_pinned = models.BooleanField("pinned", default=False)
    failed_at = models.DateTimeField("later proof failed", null=True, blank=True)
    failure = models.TextField(blank=True)
    warnings = models.JSONField(default=list, blank=True)
    manifest = models.TextField()
    seen_at = models.DateTimeField("last seen in the storage")
    is_missing = models.BooleanField("missing", default=False)

    class Meta:
        ordering = ["-began_at", "-pk"]
        default_permissions = ("view",)
        permissions = [
            ("take_backup", "Can take backups"),
            ("prove_backup", "Can prove backups"),
            ("pin_backup", "Can pin backups"),
            ("download_backup", "Can download backups, which hold secrets"),
            ("restore_backup", "Can restore backups"),
        ]
        indexes = [
            models.Index(fields=["-began_at"], name="backups_by_age"),
            models.Index(fields=["source", "-began_at"], name="backups_of_source"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_encrypted(self) -> bool:
        """Say whether this host cannot read it without an identity."""
        return bool(self.recipient)


class BackupAction(models.Model):
    """Who did what with which backup, and when. It outlives the backup, which it names by its name alone."""

    class Done(models.TextChoices):
        """What people, and jobs for them, do with a backup."""

        TAKEN = "taken", "Taken"
        PROVEN = "proven", "Proven"
        PINNED = "pinned", "Pinned"
        UNPINNED = "unpinned", "Unpinned"
        DOWNLOADED = "downloaded", "Downloaded"
        RESTORED = "restored", "Restored"
        TAKEN_BACK = "taken back", "Restore taken back"
        DELETED = "deleted", "Deleted"

    at = models.DateTimeField()
    who = models.CharField(max_length=254, blank=True)
    what = models.CharField(max_length=20, choices=Done)
    backup = models.CharField(max_length=150)
    words = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["backup", "-id"], name="actions_of_backup")]

    def __str__(self) -> str:
        return f"{self.backup}: {self.get_what_display().lower()} by {self.who or 'a job'}"


def _kept(default: int, *, least: int = 0) -> models.PositiveSmallIntegerField[int, int]:
    limits = [MinValueValidator(least), MaxValueValidator(_KEPT_MAX)]
    return models.PositiveSmallIntegerField(default=default, validators=limits)


class BackupPlan(models.Model):
    """What is kept, and how often a failed backup is tried again. It is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    keep_last = _kept(7, least=1)
    keep_hourly = _kept(0)
    keep_daily = _kept(14)
    keep_weekly = _kept(8)
    keep_monthly = _kept(12)
    keep_yearly = _kept(3)
    attempts_max = models.PositiveSmallIntegerField(
        "attempts", default=3, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    retry_minutes = models.PositiveSmallIntegerField(
        "minutes between attempts", default=10, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )

    class Meta:
        default_permissions = ("view", "change")
        verbose_name_plural = "backup plan"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_backup_plan")]

    def __str__(self) -> str:
        return "backup plan"

    @classmethod
    def current(cls) -> "BackupPlan":
        """Return the plan in force; the defaults, unsaved, where its row is gone."""
        return cls.objects.filter(pk=1).first() or cls()


class KeptData(models.Model):
    """What a restore moved aside, to go back to until a moment; before that, what it fills.

    `backup` is what was restored, `databases` the pairs of numbers [live, spare] that were swapped. `source` is ''
    for a server that is none of ours, which `place` names without its secrets. `name` stands in
    the spare databases, too.
    """

    class State(models.TextChoices):
        FILLING = "filling", "Being filled"
        KEPT = "kept", "Kept"
        TAKEN_BACK = "taken back", "Taken back"
        DROPPED = "dropped", "Dropped"

    name = models.CharField(max_length=60)
    backup = models.CharField(max_length=150)
    source = models.CharField(max_length=50, blank=True)
    place = models.CharField(max_length=200)
    moved_at = models.DateTimeField()
    until = models.DateTimeField()
    databases = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.KEPT)
    run = models.ForeignKey(JobRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="kept_data")

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        verbose_name_plural = "kept data"
        indexes = [models.Index(fields=["state", "until"], name="kept_data_by_state")]

    def __str__(self) -> str:
        return f"{self.place} as it was until {self.moved_at:%Y-%m-%d %H:%M}"
