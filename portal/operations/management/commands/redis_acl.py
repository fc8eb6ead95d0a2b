"""`redis_acl [--passwords] [--file | --json] [--server PLACE]`: the users of Redis that this site needs.

What a server takes goes to stdout, what people read to stderr: so the lines can be sent on to redis-cli.
"""

import json
import secrets
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.operations.acl.asking import ask
from portal.operations.acl.servers import SiteServer, site_servers
from portal.operations.acl.steps import PasswordOf, Planned, first_steps, last_steps, settings_of
from portal.operations.acl.users import users_for
from portal.operations.backups.versions import is_at_least
from portal.operations.printable import printable

_PASSWORD_BYTES = 32


class Command(BaseCommand):
    help = (
        "Print the least-privilege users of Redis that this site needs, for its servers' versions: lines for "
        "redis-cli, or for an aclfile. Changes nothing."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Else Django's parser prints its usage and ends with 2.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--file", action="store_true", help="lines for a server's aclfile")
        form.add_argument("--json", action="store_true", help="everything, for programs")
        parser.add_argument("--passwords", action="store_true", help="make new random passwords, and print them")
        parser.add_argument("--server", metavar="PLACE", default="", help="only for this of several servers")

    def handle(self, *args: Any, **options: Any) -> None:
        servers = site_servers(cache=settings.REDIS, counters=settings.RATELIMIT_STORAGE, broker=settings.BROKER)
        planned = [_planned(server) for server in _chosen(servers, place=options["server"])]
        password_of = _new_passwords() if options["passwords"] else _no_password
        if options["json"]:
            self.stdout.write(json.dumps(_document(planned, password_of=password_of), indent=2))
        else:
            self._tell(planned, password_of=password_of, options=options)

    def _tell(
        self,
        planned: Sequence[Planned],
        *,
        password_of: PasswordOf,
        options: dict[str, Any],
    ) -> None:
        first = first_steps(planned, has_passwords=options["passwords"])
        self._say(*_numbered(first))
        for plan in planned:
            self._write(plan, password_of=password_of, for_file=options["file"])
        for process in settings_of([plan.server for plan in planned], password_of=password_of):
            self._say("", f"{process.words[0].upper()}{process.words[1:]}:", *(f"    {line}" for line in process.lines))
        self._say("", *_numbered(last_steps(planned, password_of=password_of), begin=len(first) + 1))

    def _write(self, plan: Planned, *, password_of: PasswordOf, for_file: bool) -> None:
        self._say("", _heading(plan))
        for user in plan.users:
            self._say("", f"{user.name}: {user.why}.")
            password = password_of(plan.server, user.name)
            self.stdout.write(user.file_line(password) if for_file else user.command(password))

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.stderr.write(printable(line), lambda text: text)


def _chosen(servers: Sequence[SiteServer], *, place: str) -> Sequence[SiteServer]:
    chosen = [server for server in servers if place in ("", server.place)]
    if not chosen:
        raise CommandError(f"There is no server “{place}”. There are: {'; '.join(server.place for server in servers)}.")
    return chosen


def _planned(server: SiteServer) -> Planned:
    facts = ask(server)
    if not is_at_least(facts.version):
        raise CommandError(
            f"{server.place} is {facts.engine.title()} {facts.version}, and the portal needs Redis 7.0 or newer, or "
            "Valkey. Upgrade it."
        )
    return Planned(server, facts, users_for(server, facts=facts))


def _no_password(server: SiteServer, user: str) -> str:
    return ""


def _new_passwords() -> PasswordOf:
    return cache(lambda server, user: secrets.token_urlsafe(_PASSWORD_BYTES))


def _heading(plan: Planned) -> str:
    parts = ", ".join(plan.server.parts)
    if not plan.facts.answered:
        return (
            f"{plan.server.place} ({parts}) does not tell what it is, so this is made for Redis 7.0, and any newer "
            "Redis or Valkey takes it too:"
        )
    return f"{plan.server.place} ({parts}), {plan.facts.engine.title()} {plan.facts.version}:"


def _numbered(steps: Sequence[str], *, begin: int = 1) -> list[str]:
    return [f"{number}. {words}" for number, words in enumerate(steps, begin)]


def _document(planned: Sequence[Planned], *, password_of: PasswordOf) -> dict[str, Any]:
    return {
        "servers": [
            {
                "place": plan.server.place,
                "parts": list(plan.server.parts),
                "engine": plan.facts.engine,
                "version": plan.facts.version,
                "answered": plan.facts.answered,
                "users": [
                    {
                        "name": user.name,
                        "why": user.why,
                        "password": password_of(plan.server, user.name),
                        "command": user.command(password_of(plan.server, user.name)),
                        "file_line": user.file_line(password_of(plan.server, user.name)),
                    }
                    for user in plan.users
                ],
            }
            for plan in planned
        ],
        "settings": [
            {"where": process.words, "lines": list(process.lines)}
            for process in settings_of([plan.server for plan in planned], password_of=password_of)
        ],
        "steps": [
            *first_steps(planned, has_passwords=password_of is not _no_password),
            *last_steps(planned, password_of=password_of),
        ],
    }
