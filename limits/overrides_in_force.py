"""The overrides in force in this process.

A change is taken in by a thread of its own, the changed parts only, and is seen all at once. A request meets a few
dictionary look-ups; where there are no overrides, one attribute.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from limits import identity, last_good_overrides
from limits.core.client_keys import ClientKey
from limits.core.counted_clients import address_among, parts_of
from limits.core.override_index import Index, Lines, Part
from limits.core.overrides import Override, winner
from limits.core.policies import Algorithm, Policy
from limits.exceptions import StoreUnavailable
from limits.override_lines import read
from limits.refusals import refusals
from limits.store import overrides as store

logger = logging.getLogger("limits")

PARTS_AT_ONCE = 4
PAUSE_SECONDS = 0.002
"""Between parts, so that requests get their turn while many are taken in."""
PAUSE_AFTER_FAILURE_SECONDS = 1.0
"""Before a change that could not be taken in is tried again."""

_BY_USER = ClientKey("user")
_GROUPS = "_limits_groups"

Address = IPv4Address | IPv6Address


class OverridesInForce:
    """Holds the overrides by subject."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wanted = ""
        self._version = ""
        self._told = ""
        self._put_in_force(Index())

    # What enforcement asks

    def winner(self, request: HttpRequest, *, policy: Policy) -> Override | None:
        """Return the override that holds for a request under a policy now; None for none.

        Where any override is for a user, this looks at the session. Where any is for a group, it asks the database,
        once a request, for the groups of who is logged in, unless an override for the client alone holds.
        """
        index = self.index
        exact, around = index.near_text(identity.nearest_of(request), read=identity.address_in)
        names = _names_of(request, index=index, policy=policy)
        found = _winner((*index.named(names), *exact) if names else exact, policy)
        if found is None:
            found = _winner((*index.named(_groups_of(request)), *around) if index.has_groups else around, policy)
        return found

    def winner_for_client(self, client: str, *, policy: Policy) -> Override | None:
        """Return what `winner` would for the client of a counter, such as `user=17`, where there is no request.

        Of an IPv6 client no more is known than its network: an override for an address within it is not found.
        """
        index = self.index
        names, address = _subjects_and_address(client)
        exact, around = ((), ()) if address is None else index.near(address)
        found = _winner((*index.named(names), *exact), policy)
        if found is None:
            groups = _groups_of_user(names) if index.has_groups else ()
            found = _winner((*index.named(groups), *around), policy)
        return found

    # What changes them

    def load(self) -> bool:
        """Take the overrides from Redis now, else the last good copy in a file.

        Return whether Redis had them: False, too, when a part there is not as it was written.
        """
        try:
            return self._take_from_redis()
        except StoreUnavailable:
            if copy := last_good_overrides.load():
                self.take(copy)
            return False

    def take(self, parts: Mapping[int, Part]) -> None:
        """Put these parts in force, in place of those that are held by the same numbers."""
        self._take(parts.items())

    def take_changes(self, version: str) -> None:
        """Take in what changed, in the background, when `version` is another than the one that is held.

        A version that vanished changes nothing: Redis was emptied, and what is held stays until it has come back.
        """
        if version in ("", self._version):
            return
        with self._lock:
            self._wanted = version
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="limits-overrides", daemon=True)
                self._thread.start()

    def begin_anew(self) -> None:
        """Have no thread and hold no lock, as in a process that was forked off: the next look asks for all again."""
        self._lock = threading.Lock()
        self._thread = None
        self._wanted = ""

    def _run(self) -> None:
        while (version := self._next_wanted()) is not None:
            try:
                self._take_from_redis()
            except StoreUnavailable:
                # The next look asks again.
                continue
            except Exception:
                # It asks again as well, and says so once a change: what hindered it may pass, and a stale exemption
                # must not outlive it.
                if self._told != version:
                    logger.exception("Changed overrides could not be taken in: those in force stay as they were.")
                self._told = version
                time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
                continue
            self._version = version

    def _next_wanted(self) -> str | None:
        with self._lock:
            wanted, self._wanted = self._wanted, ""
            if not wanted:
                self._thread = None
            return wanted or None

    def _take_from_redis(self) -> bool:
        versions = store.standing().versions
        held = self.index.parts
        changed = [
            number for number, version in versions.items() if number not in held or held[number].version != version
        ]
        if changed:
            self._take(_fetched(changed))
            last_good_overrides.save(self.index.parts)
        altered = [number for number in changed if self.index.parts.get(number) is held.get(number)]
        if altered:
            logger.error(
                "Parts of the overrides in Redis, %d of them, are not as they were written: what is in force stays. "
                "The command “policies sync” writes them anew.",
                len(altered),
            )
        return bool(versions) and not altered

    def _take(self, parts: Iterable[tuple[int, Part]]) -> None:
        index, unread = self.index.with_parts(parts)
        if unread:
            logger.error("%d overrides cannot be read and do not hold; the first: %.80r", len(unread), unread[0])
        self._put_in_force(index)
        refusals.forget_all()

    def _put_in_force(self, index: Index) -> None:
        self.index = index
        self.are_none = index.is_empty
        """Whether there is nothing to ask: the one attribute that a request without overrides costs."""
        self.look_at_people = index.has_values or index.has_users or index.has_groups
        """Whether a client is not told apart before the session and what is sent are known."""


overrides_in_force = OverridesInForce()
os.register_at_fork(after_in_child=overrides_in_force.begin_anew)


def _fetched(numbers: list[int]) -> Iterator[tuple[int, Part]]:
    for start in range(0, len(numbers), PARTS_AT_ONCE):
        if start:
            time.sleep(PAUSE_SECONDS)
        yield from store.parts(numbers[start : start + PARTS_AT_ONCE]).items()


def _winner(lines: Lines, policy: Policy) -> Override | None:
    if not lines:
        return None
    found = [override for line in lines if (override := read(line)) is not None]
    won = winner(found, policy=policy.slug, at=time.time())
    # The policy may be no token bucket any more.
    if won is None or policy.algorithm is Algorithm.TOKEN_BUCKET or not any(rate.burst for rate in won.rates):
        return won
    return won.without_bursts()


def _names_of(request: HttpRequest, *, index: Index, policy: Policy) -> Lines:
    names = (
        identity.values_of(request, key=policy.key)
        if index.has_values and (policy.key.name or policy.key.other)
        else ()
    )
    if index.has_users and (user_id := identity.user_id_of(request)):
        # Most ids stand for themselves; of others a hash does.
        plain = user_id.isalnum() and user_id.isascii()
        names = (*names, f"user={user_id}" if plain else identity.client_of(request, key=_BY_USER))
    return names


def _groups_of(request: HttpRequest) -> list[str]:
    names: list[str] | None = request.__dict__.get(_GROUPS)
    if names is None:
        user = getattr(request, "user", None)
        names = _names_of_groups(user)
        if user is not None:
            # Before the session is known nobody has groups yet.
            request.__dict__[_GROUPS] = names
    return names


def _groups_of_user(names: Iterable[str]) -> list[str]:
    ids = [name.removeprefix("user=") for name in names if name.startswith("user=")]
    user = None
    if ids:
        # What stands for an id that is not plain is a hash.
        with contextlib.suppress(ValueError, ValidationError):
            user = get_user_model()._default_manager.filter(pk=ids[0]).first()
    return _names_of_groups(user)


def _names_of_groups(user: Any) -> list[str]:
    groups = getattr(user, "groups", None) if user is not None and user.is_authenticated else None
    return [] if groups is None else [f"group={pk}" for pk in groups.values_list("pk", flat=True)]


def _subjects_and_address(client: str) -> tuple[list[str], Address | None]:
    """Return the subjects that a counter's client names, and its address, as far as it is known."""
    parts = parts_of(client)
    return [part.subject for part in parts if part.subject], address_among(parts)
