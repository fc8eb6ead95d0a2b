"""Where to go from a client: its live counters, and an override for it, with the form filled in as far as is known."""

from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from limits import subjects
from limits.admin.override_form import ONE_DAY
from limits.core.counted_clients import subject_of
from limits.core.overrides import Effect, Kind, OverrideError, kind_of
from limits.models import Policy


def may_see_counters(request: HttpRequest) -> bool:
    """Say whether somebody may look at live counters: whoever may look at policies."""
    return any(request.user.has_perm(f"limits.{action}_policy") for action in ("view", "change"))


def may_override(request: HttpRequest) -> bool:
    """Say whether somebody may add overrides."""
    return request.user.has_perm("limits.add_override")


def counters_url(policy: Policy, *, client: str = "") -> str:
    """Return where the live counters of a policy are shown, all or those of one client."""
    page = reverse("admin:limits_livecounters_change", args=(policy.pk,))
    return f"{page}?{urlencode({'client': client})}" if client else page


def override_url(policy: Policy, *, client: str, effect: Effect | None = None) -> str:
    """Return where an override for a client of a policy is added; '' when no override can name that client.

    An end is chosen already: what is done in a hurry shall not stand for ever.
    """
    subject = subject_of(client, ipv6_prefix=policy.ipv6_prefix)
    kind = kind_of(subject)
    sent_in = subject.partition("=")[0] if kind is Kind.VALUE else ""
    # What a policy does not count by, it does not look at either.
    is_looked_at = not sent_in or sent_in in map(str, policy.key.parts)
    if not is_looked_at or not _is_understood(subject, kind=kind, sent_in=sent_in):
        return ""
    whom = {"about": kind, "who": subject, "sent_in": sent_in}
    typed = whom | {"policy": policy.slug, "effect": effect, "lasts": ONE_DAY}
    query = urlencode({name: value for name, value in typed.items() if value})
    return f"{reverse('admin:limits_override_add')}?{query}"


def _is_understood(who: str, *, kind: Kind, sent_in: str) -> bool:
    try:
        return bool(subjects.subject_filled_in(who, kind=kind, key=sent_in, by_name=False))
    except OverrideError:
        return False
