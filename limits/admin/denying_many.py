"""From refused clients to the page on which many overrides are added, with a line for each that denies it."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from limits.admin.override_form import ONE_DAY
from limits.core.counted_clients import subject_of
from limits.core.overrides import Effect, OverrideError
from limits.listed.subjects import ListedSubjects
from limits.models import Policy

URL_CHARACTERS_MAX = 4_000
"""Web servers take 4,094 characters of a request's first line, as a rule."""

Refused = tuple[str, str]
"""A client, and the slug of the policy that refused it."""


@dataclass(frozen=True, slots=True)
class FilledIn:
    """Where the page is, filled in; '' where no line is left. Those who are `left_out` can be named in no line."""

    url: str
    left_out: tuple[Refused, ...]

    @property
    def is_too_long(self) -> bool:
        """Whether these are more clients than an address can hold."""
        return len(self.url) > URL_CHARACTERS_MAX


def denying(refused: Collection[Refused], *, by_name: bool) -> FilledIn:
    """Return where these clients are denied, each under the policy that refused it.

    `by_name`: whether users in lines are looked up by name, too, as they are for whoever may know them.
    """
    named = _named(refused, by_name=by_name)
    lines = [f"{subject},{slug}" for subject, slug in dict.fromkeys(named.values())]
    policies = {slug for _, slug in named.values()}
    policy = ""
    if len(policies) == 1:
        (policy,) = policies
        lines = [line.partition(",")[0] for line in lines]
    else:
        lines.insert(0, "subject,policy")
    typed = {"policy": policy, "effect": Effect.DENIED, "lasts": ONE_DAY, "lines": "\n".join(lines)}
    url = f"{reverse('admin:limits_override_add_many')}?{urlencode(typed, safe=':/,')}"
    return FilledIn(url if named else "", tuple(one for one in refused if one not in named))


def _named(refused: Collection[Refused], *, by_name: bool) -> dict[Refused, tuple[str, str]]:
    """Return the subject and the policy of each client that a line can name."""
    prefixes = dict(Policy.objects.order_by().values_list("slug", "ipv6_prefix"))
    subjects = {one: subject_of(one[0], ipv6_prefix=prefixes[one[1]]) for one in refused if one[1] in prefixes}
    listed = ListedSubjects(subjects.values(), by_name=by_name)
    return {one: (subject, one[1]) for one, subject in subjects.items() if _is_meant(subject, listed)}


def _is_meant(subject: str, listed: ListedSubjects) -> bool:
    """Say whether a line means the very subject: another user may have an id for a name, and a hash is hashed again."""
    try:
        return listed.of(subject) == subject
    except OverrideError:
        return False
