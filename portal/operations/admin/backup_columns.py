"""What the list of backups shows of each, in words."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.operations.admin.progress import in_seconds
from portal.operations.backups.making import BEFORE_RESTORE, BY_HAND, BY_SCHEDULE
from portal.operations.backups.manifest import Level, Method
from portal.operations.backups.standing import age_words
from portal.operations.models import Backup

STEPS = 4
LEVELS = {
    Level.NONE: "Not proven",
    Level.STORED: "Stored whole",
    Level.WELL_FORMED: "Well formed",
    Level.LOADS: "Loads",
    Level.RESTORED: "Restored and compared",
}
MEANINGS = {
    Level.STORED: "size and SHA-256 are as they were",
    Level.WELL_FORMED: "every key can be read, and the file's own checksum is right",
    Level.LOADS: "a server was started from it, and every key was loaded or had expired",
    Level.RESTORED: "it was brought back as a whole onto a server, and compared value by value",
}
METHODS: dict[str, str] = {Method.WIRE: "over the wire", Method.BGSAVE: "BGSAVE", Method.LOGICAL: "key by key"}
ORIGINS = {BY_SCHEDULE: "by the schedule", BY_HAND: "by hand", BEFORE_RESTORE: "what a restore replaced"}


def level_words(row: Backup) -> tuple[str, str, str]:
    """Return a symbol, the words and the tone of how far a backup is proven."""
    if row.is_missing:
        return "✖", "Missing in the storage", "bad"
    if row.failed_at or row.failure:
        return "✖", "Failed its proof" if row.failed_at else "Damaged", "bad"
    steps = "●" * row.level + "○" * (STEPS - row.level)
    tone = "good" if row.level >= Level.LOADS else "warning" if row.level else "bad"
    return steps, LEVELS[Level(row.level)], tone


@admin.display(description="name", ordering="name")
def name(row: Backup) -> SafeString:
    """Its name, why it was made, and what sets it apart."""
    apart = [*(["pinned"] if row.is_pinned else []), *(["encrypted"] if row.is_encrypted else [])]
    marks = format_html_join("", '<span class="operations-mark">{}</span>', ((mark,) for mark in apart))
    shown = '<span class="operations-name">{}</span><span class="operations-why">{}{}</span>'
    return format_html(shown, row.name, why_words(row), marks)


@admin.display(description="age", ordering="-began_at")
def age(row: Backup) -> SafeString:
    """How old it is, with the moment itself."""
    exact = f"{timezone.localtime(row.began_at):%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', row.began_at.isoformat(), exact, age_words(row))


@admin.display(description="keys", ordering="keys")
def keys(row: Backup) -> str:
    """How many keys it holds."""
    return f"{row.keys:,}"


@admin.display(description="size", ordering="stored_bytes")
def size(row: Backup) -> str:
    """What it takes in the storage."""
    return str(filesizeformat(row.stored_bytes))


@admin.display(description="proven", ordering="level")
def proven(row: Backup) -> SafeString:
    """How far it is proven, and what is wrong with it."""
    symbol, words, tone = level_words(row)
    state = format_html(
        '<span class="operations-state operations-{}"><span aria-hidden="true">{}</span> {}</span>', tone, symbol, words
    )
    return format_html('{}<div class="operations-problem">{}</div>', state, row.failure) if row.failure else state


@admin.display(description="took", ordering="seconds")
def took(row: Backup) -> str:
    """How long it took."""
    return in_seconds(row.seconds)


@admin.display(description="how", ordering="methods")
def how(row: Backup) -> str:
    """By which method it was taken."""
    return how_words(row.methods)


def how_words(methods: str) -> str:
    """Return by which methods, comma separated, a backup was taken."""
    return ", ".join(METHODS.get(method, method) for method in methods.split(", "))


def why_words(row: Backup) -> str:
    """Return why a backup was made."""
    return ORIGINS.get(row.origin, row.origin) or "for a reason unknown"
