"""`limits show POLICY [CLIENT]`, `limits reset POLICY CLIENT`."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from limits import live_words
from limits.core import policies
from limits.management.store_command import StoreCommand
from limits.models import Policy
from limits.services import Actor, live
from limits.services.live import Standing
from limits.store.live import LOOK_SECONDS, LiveClient


class Command(StoreCommand):
    help = "Live counters: show them, or forgive one client."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        show = commands.add_parser("show", help="who has used most of a policy's limits, or what one client has")
        show.add_argument("policy")
        show.add_argument("client", nargs="?", help=_CLIENT)
        show.add_argument(
            "--seconds", type=float, default=LOOK_SECONDS, help="how long to look for those who have used most"
        )
        reset = commands.add_parser("reset", help="forgive one client")
        reset.add_argument("policy")
        reset.add_argument("client", help=_CLIENT)

    def handle(self, *args: Any, **options: Any) -> None:
        policy = Policy.objects.filter(slug=options["policy"]).first()
        if policy is None:
            known = ", ".join(Policy.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no policy “{options['policy']}”. There are: {known}.")
        client = live.client_named(options["client"] or "", policy=policy)
        if options["command"] == "reset":
            self._reset(policy, client=client)
        elif options["client"]:
            self._show_client(policy, client=client)
        else:
            self._show_most_used(policy, seconds=options["seconds"])

    def _show_most_used(self, policy: Policy, *, seconds: float) -> None:
        standings, sample = live.most_used(policy, seconds=seconds)
        for standing in standings:
            self._tell(standing, policy=policy)
        if not standings:
            self.stdout.write(f"Nobody is counted by {policy.slug} now.")
        if told := live_words.part(sample):
            self.stdout.write(f"{told} Name a client to see it at once.")

    def _show_client(self, policy: Policy, *, client: str) -> None:
        standing = live.of_client(policy, client=client)
        self._tell(standing, policy=policy)
        if not standing.client.is_counted:
            self.stdout.write(f"{client} is not counted by {policy.slug} now.")

    def _tell(self, standing: Standing, *, policy: Policy) -> None:
        for line in _lines(standing.client, policy=policy.as_value()):
            self.stdout.write(f"{standing.client.name}: {line}")
        for note in live_words.notes(standing):
            self.stdout.write(f"{standing.client.name}: {note}")

    def _reset(self, policy: Policy, *, client: str) -> None:
        actor = Actor(name=_operator(), origin="limits reset")
        if not live.reset(policy, client=client, actor=actor):
            raise CommandError(f"{client} has no counter under {policy.slug}; nothing was changed.")
        self.stdout.write(f"{client} starts afresh under {policy.slug}.")


_CLIENT = "an address, a user's name, mail address or id, what was typed, or the client as it is shown"


def _lines(client: LiveClient, *, policy: policies.Policy) -> list[str]:
    return [
        ", ".join(filter(None, (live_words.used(usage), live_words.ends(usage, policy=policy), live_words.room(usage))))
        for usage in client.usages
    ]


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
