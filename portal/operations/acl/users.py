"""Which users a server needs, and what each may do: made for its engine, its version, and what is kept there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from portal.operations.acl import commands
from portal.operations.acl.servers import Part, ServerFacts, SiteServer
from portal.operations.backups.versions import Version, is_at_least

APP, CELERY, MONITOR = "portal-app", "portal-celery", "portal-monitor"
BACKUP, RESTORE = "portal-backup", "portal-restore"
REPLICA, SENTINEL = "portal-replica", "portal-sentinel"

UNSET = "#CHANGE-ME"
"""In place of a password's digest: every server refuses it, so a line that nobody completed makes no user."""

_SETINFO_SINCE: Version = (7, 2)
"""From when on Redis, and Valkey from its first version, knows CLIENT SETINFO."""
_DATABASES_SINCE: Version = (9, 1)
"""From when on a Valkey can keep a user within databases."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Commands on some keys and channels: a user's own, or one selector more. `databases` empty: all of them."""

    commands: tuple[str, ...]
    keys: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    databases: tuple[int, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of an ACL, in an order that allows nothing before it is meant."""
        names = tuple(f"+{name}" for name in dict.fromkeys(self.commands))
        databases = (f"resetdbs db={','.join(map(str, self.databases))}",) if self.databases else ()
        return (*databases, *self.keys, "resetchannels", *(f"&{name}" for name in self.channels), "-@all", *names)


@dataclass(frozen=True, slots=True)
class AclUser:
    """A user of Redis: `why` says in one line what it is for, and what cannot be kept from it."""

    name: str
    why: str
    allowed: Allowed
    selectors: tuple[Allowed, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """All rules but for the password, as ACL SETUSER and a file take them."""
        return (*self.allowed.rules, *(f"({' '.join(selector.rules)})" for selector in self.selectors))

    def command(self, password: str = "") -> str:
        """Return the line for redis-cli; what the user was allowed before is forgotten.

        It holds the digest of the password, as the server keeps it; without one UNSET.
        """
        return f"ACL SETUSER {self.name} reset on {_digest(password)} {' '.join(self.rules)}"

    def file_line(self, password: str = "") -> str:
        """Return the line for a server's `aclfile`."""
        return f"user {self.name} on {_digest(password)} {' '.join(self.rules)}"


def users_for(server: SiteServer, *, facts: ServerFacts) -> tuple[AclUser, ...]:
    """Return the users that the site needs on a server, those that every page needs first."""
    making = _Making(server, facts)
    users = [making.app(), making.backup(), making.restore()] if server.has_data else []
    if Part.BROKER in server.parts:
        users.insert(1 if users else 0, making.celery())
    users.append(making.monitor())
    if server.is_watched or server.is_cluster or facts.has_replicas:
        users.append(_REPLICA_USER)
    if server.is_watched:
        users.append(_SENTINEL_USER)
    return tuple(users)


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes the users of one server."""

    server: SiteServer
    facts: ServerFacts

    def app(self) -> AclUser:
        """Everything that pages and ordinary jobs do."""
        parts, keys, sent = self.server.parts, list[str](), list[str]()
        if Part.COUNTERS in parts:
            keys += commands.COUNTER_KEYS
            sent += commands.COUNTING
        if Part.CACHE in parts:
            keys += commands.CACHE_KEYS
            sent += commands.CACHING
        return AclUser(
            APP,
            "pages, limits and cache: reads and writes its own keys alone; of others it sees names and sizes, "
            "which the pages about Redis show",
            self._own(sent, keys=keys, parts=(Part.CACHE, Part.COUNTERS)),
            (self._looks(),),
        )

    def celery(self) -> AclUser:
        """Everything that kombu does."""
        channels = () if self.server.is_cluster else commands.channels(self.server.databases(Part.BROKER)[0])
        looks = () if self.server.has_data else (self._looks(),)
        return AclUser(
            CELERY,
            "queues of jobs: who sends jobs and who does them; no key but Celery's",
            self._own(commands.QUEUEING, keys=commands.QUEUE_KEYS, parts=(Part.BROKER,), channels=channels),
            looks,
        )

    def backup(self) -> AclUser:
        """Reading everything, and nothing else."""
        return AclUser(
            BACKUP,
            "backups: changes nothing, and reads everything, for PSYNC sends all data whatever the keys: guard its "
            "password as the data",
            Allowed((*self._connecting, *commands.TAKING, *commands.READING_POLICIES), keys=("%R~*",)),
        )

    def restore(self) -> AclUser:
        """Writing everything."""
        exchanging = () if self.server.is_cluster else commands.EXCHANGING
        sent = (*self._connecting, *commands.TAKING, *commands.BRINGING_BACK, *exchanging)
        # A restore ends with the policies written anew, and a worker that restores counts like others.
        sent += (*commands.COUNTING, *commands.CACHING)
        return AclUser(
            RESTORE,
            "restores: writes every key, for any may have to come back, and empties what a restore moved aside; for "
            "the process that restores alone",
            Allowed(sent, keys=("~*",)),
        )

    def monitor(self) -> AclUser:
        """Looking, and reading what tells whether the policies are in step."""
        selectors = [self._looks()]
        if Part.COUNTERS in self.server.parts:
            selectors.append(Allowed(commands.READING_POLICIES, keys=_reading(commands.POLICY_KEYS)))
            selectors.append(Allowed(commands.TRYING, keys=_writing(commands.TRIED_KEYS)))
        if Part.BROKER in self.server.parts:
            selectors.append(Allowed(("llen",), keys=_reading(commands.QUEUE_KEYS)))
        return AclUser(
            MONITOR,
            "watching: figures of the server, names and sizes of keys; no value but the policies'; tries on a counter "
            "of its own whether counting works",
            Allowed(self._connecting),
            tuple(selectors),
        )

    @property
    def _connecting(self) -> tuple[str, ...]:
        knows_setinfo = is_at_least(self.facts.version, least=_SETINFO_SINCE)
        named = commands.NAMING_THE_LIBRARY if knows_setinfo else ()
        return (*commands.CONNECTING, *named, *(commands.FINDING_NODES if self.server.is_cluster else ()))

    def _own(
        self, sent: Sequence[str], *, keys: Sequence[str], parts: tuple[Part, ...], channels: tuple[str, ...] = ()
    ) -> Allowed:
        """Allow commands on keys, within the parts' databases where the server can tell them apart."""
        keeps_apart = self.facts.engine == "valkey" and is_at_least(self.facts.version, least=_DATABASES_SINCE)
        databases = self.server.databases(*parts) if keeps_apart and not self.server.is_cluster else ()
        return Allowed((*self._connecting, *sent), _writing(keys), channels, databases)

    def _looks(self) -> Allowed:
        """A selector: of every key of every database the name and the size, for none of these commands tells more."""
        at_cluster = commands.LOOKING_AT_A_CLUSTER if self.server.is_cluster else ()
        return Allowed((*commands.LOOKING, *at_cluster, "select"), keys=("%R~*",))


def _reading(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"%R~{key}" for key in keys)


def _writing(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"~{key}" for key in keys)


def _digest(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else UNSET


_REPLICA_USER = AclUser(
    REPLICA,
    "replicas of this server, in `masteruser` and `masterauth` of each: once the default user is closed they need one",
    Allowed(commands.REPLICATING),
)
_SENTINEL_USER = AclUser(
    SENTINEL,
    "Sentinels, in `sentinel auth-user` and `sentinel auth-pass` of each: they make a replica the primary",
    Allowed(commands.FAILING_OVER, channels=("__sentinel__:hello",)),
)
