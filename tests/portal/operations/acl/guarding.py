"""Servers that nobody uses but as the users that `redis_acl` prints: its lines, as redis-cli takes them."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import redis
from django.core.management import call_command

from portal.redis_address import RedisAddress

ADMIN = "admin"


@dataclass(frozen=True)
class Guarded:
    """A server whose default user is closed; `document` is what `redis_acl --json --passwords` told."""

    place: RedisAddress
    document: dict[str, Any]

    @property
    def users(self) -> dict[str, dict[str, str]]:
        """The users by name."""
        return {user["name"]: user for user in self.document["servers"][0]["users"]}

    def address(self, user: str, database: int = 0) -> RedisAddress:
        """Return the server's address for a user."""
        password = ADMIN if user == ADMIN else self.users[user]["password"]
        return replace(self.place, user=user, password=password, database=database)

    def client(self, user: str, database: int = 0) -> redis.Redis:
        """Return a client as a user, to be closed."""
        return redis.Redis.from_url(self.address(user, database).url, decode_responses=True)

    def settings_of(self, where: str) -> dict[str, str]:
        """Return the environment of the process whose place's words hold these."""
        (lines,) = (told["lines"] for told in self.document["settings"] if where in told["where"])
        return dict(line.split("=", 1) for line in lines)

    def refused(self) -> list[str]:
        """Return what was refused since this was asked last: user, and command, key or channel."""
        with closing(self.client(ADMIN)) as admin:
            entries = admin.execute_command("ACL", "LOG")
            admin.execute_command("ACL", "LOG", "RESET")
        named = [
            entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries
        ]
        return [f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in named]

    def may(self, user: str, *command: str) -> bool:
        """Say whether a user may send a command; nothing is done."""
        with closing(self.client(ADMIN)) as admin:
            return bool(admin.execute_command("ACL", "DRYRUN", user, *command) == "OK")


def printed(*options: str) -> tuple[str, str]:
    """Return what `redis_acl` writes for a server, and for people."""
    out, err = StringIO(), StringIO()
    call_command("redis_acl", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def live_at(settings: Any, place: RedisAddress, *, broker: RedisAddress | None = None) -> None:
    """Make a server the one that the site rests on."""
    settings.REDIS, settings.RATELIMIT_STORAGE = place, place.with_database(1)
    settings.BROKER = broker or place.with_database(2)


def guard(place: RedisAddress) -> Guarded:
    """Have a server, at which the settings point, take the users; close the default one."""
    document = json.loads(printed("--json", "--passwords")[0])
    lines = [user["command"] for user in document["servers"][0]["users"]]
    said = tell(place, [*lines, f"ACL SETUSER {ADMIN} on >{ADMIN} ~* &* +@all", "ACL SETUSER default off"])
    assert said == ["OK"] * (len(lines) + 2), said
    return Guarded(place, document)


def tell(place: RedisAddress, lines: Sequence[str]) -> list[str]:
    """Paste lines into redis-cli; return what it answers."""
    where = ["-s", place.socket_path] if place.socket_path else ["-p", str(place.hosts[0][1])]
    done = subprocess.run(
        ["redis-cli", *where], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line]
