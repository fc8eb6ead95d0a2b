"""`limits show POLICY [CLIENT]`, `limits reset POLICY CLIENT`."""

import contextlib
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from limits import identity, store
from limits.answers import wait_in_words
from limits.management.store_command import StoreCommand
from limits.models import Policy


class Command(StoreCommand):
    help = "Live counters: show them, or forgive one client."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        show = commands.add_parser("show", help="the live counters of a policy, or of one client")
        show.add_argument("policy")
        show.add_argument("client", nargs="?", help="an address, a user's id, what was typed, or as shown")
        reset = commands.add_parser("reset", help="forgive one client")
        reset.add_argument("policy")
        reset.add_argument("client")

    def handle(self, *args: Any, **options: Any) -> None:
        policy = Policy.objects.filter(slug=options["policy"]).first()
        if policy is None:
            known = ", ".join(Policy.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no policy “{options['policy']}”. There are: {known}.")
        client = _client_named(options["client"], policy=policy) if options["client"] else None
        if options["command"] == "show":
            self._show(policy, client=client)
        else:
            self._reset(policy, client=client or "")

    def _show(self, policy: Policy, *, client: str | None) -> None:
        rates = {rate.window_seconds: f"of {rate}" for rate in policy.rates}
        counters = store.counters(policy.slug, client=client)
        for counter in sorted(counters, key=lambda found: (-found.count, found.client)):
            rest = wait_in_words(-(-counter.rest_milliseconds // 1000))
            rate = rates.get(counter.window_seconds, f"in a window of {counter.window_seconds} s, of an earlier rate")
            self.stdout.write(f"{counter.client}: {counter.count} {rate}, ends in {rest}")
        if not counters:
            self.stdout.write(f"{f'{client} is not' if client else 'Nobody is'} counted by {policy.slug} now.")

    def _reset(self, policy: Policy, *, client: str) -> None:
        number = store.forget(policy.slug, client=client)
        if not number:
            raise CommandError(f"{client} has no counter under {policy.slug}; nothing was changed.")
        self.stdout.write(f"{client} starts afresh under {policy.slug}.")


def _client_named(text: str, *, policy: Policy) -> str:
    """Return the client that an operator means: users by the name or the address with which they log in, too."""
    if policy.key.kind in ("user", "user or ip"):
        with contextlib.suppress(get_user_model().DoesNotExist):
            text = str(get_user_model()._default_manager.get_by_natural_key(text).pk)
    return identity.client_named(text, key=policy.key)
