"""A database with something of everything, an export of it, and the database lost."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from limits import services
from limits.core.client_keys import ClientKey, parse_client_key
from limits.core.overrides import Effect
from limits.core.rates import Rate
from limits.models import Override, Policy, Revision
from limits.services import Actor
from limits.services.bringing_back import BroughtBack, bring_back
from limits.services.exports import write_export
from portal.accounts.models import User
from tests.limits.overriding import SOMEBODY, override, saved

OPERATOR = Actor(name="operator", origin="a test")
DAY = timedelta(days=1)


def fill() -> None:
    """Write policies, overrides of every kind, and their history."""
    jane = User.objects.create_user("jane", "jane@example.org")
    group = Group.objects.create(name="Partners")
    admin = Actor(name="jane", origin="127.0.0.1", user_id=jane.pk)
    everything = Policy(
        slug="everything",
        title="Ünusual",
        description="Everything\nis unlike its default.",
        key=parse_client_key("ip and field:username"),
        rates=(Rate(100, 3600, 300), Rate(10, 60)),
        mode="shadow",
        algorithm="token-bucket",
        methods=("GET", "POST"),
        path="/api/**",
        priority=-7,
        ipv6_prefix=56,
        cost=3,
        counts="client-errors",
        refusals_count=True,
        penalty_seconds=60,
        without_redis="count-here",
    )
    services.save_policy(everything, actor=admin)
    services.set_mode(Policy.objects.get(slug="login"), mode="off", actor=SOMEBODY)  # type: ignore[arg-type]
    services.delete_policy(services.save_policy(plain("gone"), actor=admin), actor=admin, reason="a mistake")
    saved(f"user={jane.pk}", effect=Effect.DENIED.value, policy="login", reason="An attack")
    saved(f"group={group.pk}", effect=Effect.RATES.value, rates=(Rate(9, 60), Rate(500, 86_400)), until=None)
    saved("203.0.113.9")
    saved("2001:db8::/48", since=timezone.now() + DAY, until=timezone.now() + 2 * DAY)
    saved("header:X-Api-Key=0123456789abcdef", policy="everything", until=None)
    ended = saved("198.51.100.0/24")
    services.end_overrides(Override.objects.filter(pk=ended.pk), actor=admin)
    again = saved("198.51.100.0/24", since=ended.since, until=None)
    again.reason = "another"
    services.save_override(again, actor=admin)


def plain(slug: str) -> Policy:
    return Policy(slug=slug, title=slug.title(), key=ClientKey("ip"), rates=(Rate(5, 60),))


def exported(*, now: datetime | None = None) -> bytes:
    file = io.BytesIO()
    write_export(file, now=now or timezone.now())
    return file.getvalue()


def brought_back(document: bytes, **chosen: Any) -> BroughtBack:
    return bring_back(io.BytesIO(document), actor=OPERATOR, **chosen)


def lose_everything() -> None:
    """Lose all rows; who logs in comes back by other ids."""
    for rows in (Policy, Override, Revision, User, Group):
        rows.objects.all().delete()
    User.objects.create_user("somebody-else", "other@example.org")
    User.objects.create_user("jane", "jane@example.org")
    Group.objects.create(name="Others")
    Group.objects.create(name="Partners")


def policies() -> list[dict[str, Any]]:
    return list(Policy.objects.order_by("slug").values(*_columns(Policy)))


def overrides() -> list[dict[str, Any]]:
    """Return every override, its user or group by name."""
    rows = list(Override.objects.order_by("pk").values(*_columns(Override) - {"part"}))
    return [row | {"subject": _by_name(row["subject"])} for row in rows]


def history() -> list[dict[str, Any]]:
    """Return every revision in order, users and groups by name."""
    rows = Revision.objects.order_by("pk").values(*_columns(Revision) - {"actor"}, "actor__username")
    return [_told_by_name(row) for row in rows]


def everything() -> tuple[list[dict[str, Any]], ...]:
    return policies(), overrides(), history()


def override_rows(number: int) -> list[Override]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        override(f"10.{n >> 8}.{n & 255}.0/24", since=now + timedelta(seconds=n), until=None) for n in range(number)
    ]


def _columns(model: Any) -> set[str]:
    return {field.name for field in model._meta.fields} - {"id"}


def _by_name(subject: str) -> str:
    kind, _, number = subject.partition("=")
    names: dict[str, Any] = {"user": User.objects.in_bulk(), "group": Group.objects.in_bulk()}
    return f"{kind}={names[kind][int(number)]}" if kind in names and number.isdecimal() else subject


def _told_by_name(row: dict[str, Any]) -> dict[str, Any]:
    renamed = {
        side: row[side] | {"subject": _by_name(row[side]["subject"])}
        for side in ("before", "after")
        if "subject" in (row[side] or {})
    }
    return row | renamed | {"subject": _by_name(row["subject"])}
