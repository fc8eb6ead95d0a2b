"""Login and password reset: tried in this process, by an address that nobody has, until they refuse; then forgiven.

No user is touched and no mail is sent: nobody has the name that is tried, and the form for a reset is sent empty.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from django.urls import reverse

from limits.charged import decisions_of
from limits.core.decisions import Decision, refusing
from limits.core.policies import Mode
from limits.core.policies import Policy as PolicyValue
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.models import Policy
from portal.operations.checklist.context import Context
from portal.operations.checklist.limiter import counts_alone, forgive, made_up_address
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown

TRIES_MAX = 200
SECONDS_MAX = 20.0
TOO_MANY = 429
_SPARED = 10
"""Of what others share, so many times what is tried must be left."""


@dataclass(frozen=True, slots=True)
class Door:
    """A form, the policy that should close it, and what is filled in."""

    slug: str
    url_name: str
    what: str
    filled: Callable[[], Mapping[str, str]]


def _wrong_password() -> Mapping[str, str]:
    return {"username": f"nobody-{secrets.token_hex(8)}", "password": secrets.token_urlsafe(16)}


LOGIN = Door("login", "login", "wrong passwords", _wrong_password)
RESET = Door("password-reset", "password_reset", "requests for a reset", lambda: {"email": ""})


def _is_refused(context: Context, *, door: Door) -> Iterator[Verdict]:
    row = Policy.objects.filter(slug=door.slug).first()
    policies_in_force.look()
    policy = policies_in_force.snapshot.policies.get(door.slug)
    if row is None or policy is None:
        words = f"There is no policy “{door.slug}”{' in force in this process' if row else ''}."
        mend = "sync" if row else "list"
        yield failed(words, mend=(f"python manage.py policies {mend}",), advice="It is made in the admin, at Policies.")
    elif policy.mode is not Mode.ENFORCE:
        yield failed(
            f"The policy “{door.slug}” is {_MODES[policy.mode]}.",
            advice=f"Set its mode to Enforce in the admin, at Policies, {door.slug}.",
        )
    elif not policy.covers("POST"):
        words = f"The policy “{door.slug}” does not look at POST, by which the form is sent."
        yield failed(words, advice=f"Add POST to its methods in the admin, at Policies, {door.slug}.")
    else:
        yield _try(door, policy=policy)


_MODES = {Mode.SHADOW: "in shadow: it counts, and refuses nobody", Mode.OFF: "off"}


def _try(door: Door, *, policy: PolicyValue) -> Verdict:
    """Send the form until it is refused, as often as the policy lets through and once more."""
    due = min(rate.capacity for rate in policy.rates) // max(1, policy.cost) + 1
    if due > TRIES_MAX:
        return unknown(
            f"The policy “{door.slug}” refuses after {due - 1:,} tries: that is more than are made here ({TRIES_MAX}).",
            advice="As a guard against guessing, so many are none. A smaller rate can be seen to hold.",
        )
    tried = _Trying(door)
    if not counts_alone(policy.key, filled=tried.filled):
        return unknown(
            f"The policy “{door.slug}” counts others together with who is tried ({policy.key}): to try it would refuse "
            "them, too.",
            advice="Have it count by address as well, as in “ip and field:username”: then who guesses locks nobody "
            "else out, and it can be tried.",
        )
    try:
        refused_by = tried.until_refused(due)
    finally:
        tried.forgive()
    if refused_by is None and tried.stands_in_the_way_of:
        return unknown(
            f"It was not tried to the end: the policy “{tried.stands_in_the_way_of}” counts everybody together, and "
            "would soon have refused them."
        )
    if refused_by is None and tried.is_out_of_time:
        return unknown(f"{tried.number} {door.what} took {SECONDS_MAX:.0f} s, and {due} are needed to be refused.")
    if refused_by is None:
        return failed(
            f"{tried.number} {door.what} in a row were let through, and none was refused.",
            mend=(f"python manage.py limits show {door.slug}",),
            advice=_what_to_look_at(policy),
        )
    by = "" if refused_by.policy.slug == door.slug else f", by the policy “{refused_by.policy.slug}”"
    return passed(f"The {_nth(tried.number)} in a row was refused{by} (429), and all was forgiven.")


def _what_to_look_at(policy: PolicyValue) -> str:
    return (
        f"Look in the admin what the policy counts ({policy.key}; {policy.counts}), and whether an override exempts "
        "everybody. See the lines about the limiter, too."
    )


class _Trying:
    """Tries by one address, and what is to be forgiven afterwards."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._address = made_up_address()
        self.filled = door.filled()
        self._counted: dict[tuple[str, str], Decision] = {}
        self._handler = BaseHandler()
        self._handler.load_middleware()
        self._until = time.monotonic() + SECONDS_MAX
        self.number = 0
        self.stands_in_the_way_of = ""
        """The policy that would soon have refused others, for the sake of which no more was tried."""

    @property
    def is_out_of_time(self) -> bool:
        """Whether it takes too long."""
        return time.monotonic() > self._until

    def until_refused(self, tries: int) -> Decision | None:
        """Send the form until it is refused; return what refused it, None when so many tries, or the time, are over."""
        for left in reversed(range(tries)):
            self.number += 1
            request = self._request()
            response: HttpResponseBase = self._handler.get_response(request)
            decisions = self._note(decisions_of(request))
            if response.status_code == TOO_MANY:
                return refusing(decisions) or (decisions[0] if decisions else None)
            self.stands_in_the_way_of = next(self._shared_and_scarce(decisions, tries=left), "")
            if self.stands_in_the_way_of or self.is_out_of_time:
                break
        return None

    def _shared_and_scarce(self, decisions: Sequence[Decision], *, tries: int) -> Iterator[str]:
        """Yield the policies that count others as well, and of which so many tries would leave them little."""
        for decision in decisions:
            left = min((state.remaining for state in decision.states), default=tries * _SPARED + 1)
            if decision.policy.mode is Mode.ENFORCE and not self._is_alone(decision) and left < tries * _SPARED:
                yield decision.policy.slug

    def _is_alone(self, decision: Decision) -> bool:
        return counts_alone(decision.policy.key, filled=self.filled)

    def forgive(self) -> None:
        """Let the address start afresh. What others are counted in as well stays as it is."""
        for decision in self._counted.values():
            with suppress(StoreUnavailable):
                if self._is_alone(decision):
                    forgive(decision)

    def _request(self) -> HttpRequest:
        site = urlsplit(settings.SITE_URL)
        factory = RequestFactory(REMOTE_ADDR=self._address, HTTP_HOST=site.netloc)
        request = factory.post(reverse(self._door.url_name), self.filled, secure=site.scheme == "https")
        # Django's test client does the same: there is no page from which the form comes.
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return request

    def _note(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        self._counted |= {(decision.policy.slug, decision.client): decision for decision in decisions}
        return decisions


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


LINES = (
    Line(
        "login-refused",
        "Limiter",
        "Guessing passwords is refused",
        "It is what the limit on logins is for: tried here as somebody would who guesses.",
        partial(_is_refused, door=LOGIN),
    ),
    Line(
        "reset-refused",
        "Limiter",
        "Having mails sent is refused",
        "Each try sends a mail to somebody: without a limit the site is a machine for sending them.",
        partial(_is_refused, door=RESET),
    ),
)
