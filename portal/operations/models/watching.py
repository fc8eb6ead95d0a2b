"""Watching Redis: servers, samples over time, alert rules and what became of them, channels and what they were told."""

from django.db import models


class Turn(models.Model):
    """A slot of periodic work that somebody took: the unique row keeps two processes from doing the same twice."""

    job = models.CharField(max_length=30)
    slot = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="one_turn_a_slot")]

    def __str__(self) -> str:
        return f"{self.job} {self.slot:%Y-%m-%d %H:%M:%S}"


class RedisServer(models.Model):
    """A server that this site rests on, as it was last seen."""

    place = models.CharField(max_length=200, unique=True)
    source = models.CharField("serves", max_length=50)
    role = models.CharField(max_length=10, blank=True)
    holds_counters = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField()
    looked_at = models.DateTimeField("last looked at")
    answered_at = models.DateTimeField("last answered", null=True, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    reading = models.JSONField("last reading", null=True, blank=True)
    is_in_use = models.BooleanField(default=True)
    is_set = models.BooleanField(default=False)
    """No server: a Sentinel set or a Cluster of which something failed as a whole."""
    replicas_known = models.PositiveSmallIntegerField(default=0)
    """How many replicas it had lately, and when it last had so many: that is how one is missed."""
    replicas_known_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["source", "place"]
        default_permissions = ("view",)
        verbose_name = "Redis server"

    def __str__(self) -> str:
        return self.place


class Sample(models.Model):
    """One server over a span of time: gauges at its end (memory: their highest), counts of what happened within."""

    class Span(models.IntegerChoices):
        """How many seconds a sample stands for."""

        LOOK = 15, "15 s"
        FIVE_MINUTES = 300, "5 min"
        HOUR = 3600, "1 h"

    server = models.ForeignKey(RedisServer, on_delete=models.CASCADE, related_name="samples", db_index=False)
    span_seconds = models.PositiveSmallIntegerField(choices=Span)
    at = models.DateTimeField("span begins")
    """A multiple of the span since 1970."""

    seconds = models.FloatField(default=0)
    """How long the counts below were counted for."""
    used_memory_bytes = models.PositiveBigIntegerField()
    limit_bytes = models.PositiveBigIntegerField(null=True)
    rss_bytes = models.PositiveBigIntegerField()
    clients = models.PositiveIntegerField()
    keys = models.PositiveBigIntegerField()
    latency_microseconds = models.PositiveIntegerField()
    """The longest."""
    commands = models.PositiveBigIntegerField(default=0)
    hits = models.PositiveBigIntegerField(default=0)
    misses = models.PositiveBigIntegerField(default=0)
    evicted = models.PositiveBigIntegerField(default=0)
    expired = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    """OOM, MISCONF and NOPERM: limits may not hold."""
    rejected_connections = models.PositiveBigIntegerField(default=0)
    restarts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["server", "span_seconds", "at"], name="one_sample_a_span"),
        ]
        indexes = [models.Index(fields=["span_seconds", "at"], name="samples_by_age")]

    def __str__(self) -> str:
        return f"{self.server_id} {self.at:%Y-%m-%d %H:%M:%S}"


class Severity(models.IntegerChoices):
    """How much an alert matters."""

    INFO = 1, "Info"
    WARNING = 2, "Warning"
    CRITICAL = 3, "Critical"


class AlertRule(models.Model):
    """When to tell people. `condition` names one of `watching/alerts/conditions`, which says what is compared."""

    name = models.CharField(max_length=80, unique=True)
    is_on = models.BooleanField("on", default=True)
    condition = models.CharField(max_length=40)
    threshold = models.FloatField("fires at")
    recover_at = models.FloatField("recovers at", null=True, blank=True)
    """None: as soon as it is on the good side of the threshold."""
    for_seconds = models.PositiveIntegerField("when it held for", default=0, help_text="Seconds; 0: at once.")
    recover_seconds = models.PositiveIntegerField(
        "over when good for", default=0, help_text="Seconds; 0: at once. It keeps an alert from flapping."
    )
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.WARNING)
    repeat_minutes = models.PositiveIntegerField(
        "told again every", default=240, help_text="Minutes, until it is acknowledged or over; 0: never."
    )
    quiet_from = models.TimeField(
        null=True,
        blank=True,
        help_text="Between these times nobody is told, however severe it is; what still holds then is told after.",
    )
    quiet_until = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "alert rule"

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """How it stands with one rule at one target: a server's place, a source of backups, or '' for the site."""

    class State(models.TextChoices):
        """As the field knows them. `is_active` tells whether an alert is under way in the last three."""

        NORMAL = "normal", "Normal"
        PENDING = "pending", "Pending"
        FIRING = "firing", "Firing"
        RECOVERING = "recovering", "Recovering"
        NO_DATA = "no data", "No data"
        ERROR = "error", "Error"

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    target = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.NORMAL)
    since = models.DateTimeField("in this state since")
    is_active = models.BooleanField("under way", default=False)
    """From firing until the recovery, whatever lies between: an alert without data is not over."""
    began_at = models.DateTimeField(null=True, blank=True)
    """When what is under way began to fire."""
    value = models.FloatField(null=True, blank=True)
    words = models.CharField("what was found", max_length=500, blank=True)
    judged_at = models.DateTimeField("last judged")
    turn = models.PositiveBigIntegerField(default=0)
    """Grows by each judgement: of two processes, one writes."""

    told_at = models.DateTimeField("first told", null=True, blank=True)
    """Of what is under way; None: nobody was told yet."""
    told_last_at = models.DateTimeField("last told", null=True, blank=True)
    acknowledged_by = models.CharField(max_length=254, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_severity = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-is_active", "rule__name", "target"]
        default_permissions = ("view",)
        permissions = [
            ("acknowledge_alert", "Can acknowledge alerts"),
            ("silence_alert", "Can silence alerts"),
        ]
        constraints = [models.UniqueConstraint(fields=["rule", "target"], name="one_alert_a_target")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.target}" if self.target else str(self.rule)

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has taken it on, as severe as its rule is now."""
        severity = self.acknowledged_severity if self.acknowledged_at else None
        return severity is not None and self.rule.severity <= severity


class AlertEvent(models.Model):
    """What became of an alert, and who did what about it. It outlives the rule."""

    at = models.DateTimeField()
    rule_name = models.CharField("rule", max_length=80)
    target = models.CharField(max_length=200, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    what = models.CharField(max_length=20)
    """A state that was entered, or `acknowledged`, `silenced`, `silence ended`, `rule changed`."""
    value = models.FloatField(null=True, blank=True)
    words = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)
        verbose_name = "event of alerts"
        verbose_name_plural = "history of alerts"
        indexes = [
            models.Index(fields=["at"], name="events_by_age"),
            models.Index(fields=["rule_name", "target", "at"], name="events_of_alert"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_name} {self.what}"


class Silence(models.Model):
    """Until when nobody is told of a rule (None: of any) at a target ('': at any)."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, null=True, blank=True, related_name="silences")
    target = models.CharField(max_length=200, blank=True)
    begins_at = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    by = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering = ["-until"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.rule or 'every rule'} until {self.until:%Y-%m-%d %H:%M}"

    def covers(self, rule: AlertRule, *, target: str) -> bool:
        """Say whether it is about a rule at a target."""
        return self.rule_id in (None, rule.pk) and self.target in ("", target)


class Channel(models.Model):
    """A way to reach people. Its address may hold a secret: it is written, and never shown again."""

    class Kind(models.TextChoices):
        """How it is reached."""

        MAIL = "mail", "E-mail"
        APPRISE = "apprise", "Slack, Teams, webhook and the rest"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.MAIL)
    address = models.TextField(max_length=2000)
    is_on = models.BooleanField("on", default=True)
    least_severity = models.PositiveSmallIntegerField("told from", choices=Severity, default=Severity.INFO)

    tested_at = models.DateTimeField("test last delivered", null=True, blank=True)
    delivered_at = models.DateTimeField("last delivered", null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    failing_told_at = models.DateTimeField(null=True, blank=True)
    """When the other channels were told that this one fails."""
    failure = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["name"]
        permissions = [("test_channel", "Can send a test to channels")]

    def __str__(self) -> str:
        return self.name


class FirstChannel(models.Model):
    """An address of the settings that a channel was made of, once: a channel that somebody deletes stays deleted."""

    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest[:12]


class Message(models.Model):
    """What people are told. Written in the transaction of what it tells of, delivered apart."""

    class Kind(models.TextChoices):
        """What it tells of."""

        START = "start", "An alert began"
        REPEAT = "repeat", "An alert goes on"
        END = "end", "An alert is over"
        TEST = "test", "A test"
        JOB = "job", "A long job"
        CHANNEL = "channel", "A channel"

    kind = models.CharField(max_length=10, choices=Kind)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.subject


class Delivery(models.Model):
    """One message on its way to one channel. Who delivers claims it for a while: a crash may repeat, never lose it."""

    class State(models.TextChoices):
        """Where it stands. The last two are final."""

        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given up", "Given up"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    """When it is tried next; a claim moves it on."""
    delivered_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["message", "channel"], name="one_delivery_a_channel")]
        indexes = [models.Index(fields=["state", "not_before"], name="deliveries_due")]

    def __str__(self) -> str:
        return f"{self.message} to {self.channel}"


class ChecklistRun(models.Model):
    """How the lines of the checklist stood, and who asked."""

    at = models.DateTimeField()
    asked_by = models.CharField(max_length=254, blank=True)
    took_milliseconds = models.PositiveIntegerField(default=0)
    lines = models.JSONField(default=list)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        permissions = [("run_checklist", "Can run the checklist")]
        verbose_name = "checklist"
        verbose_name_plural = "checklist"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
