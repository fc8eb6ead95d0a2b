"""The exact commands that mend something on one server. They run in bash as they are, and hold no secret.

Passwords are asked for by the first command, or made into a file that only its owner reads.
"""

import shlex
from dataclasses import dataclass
from functools import cached_property

from portal.operations.checklist.asking import CannotAsk, Forbidden, Server
from portal.operations.checklist.values import Commands

ADMIN = "portal-admin"
ADMIN_FILE = "redis-admin.password"
DEFAULT_FILE = "redis-default.password"
_ADMIN_VARIABLE = '"$REDIS_ADMIN"'
_ASK_PASSWORD = "read -rsp 'Password of Redis: ' REDISCLI_AUTH; export REDISCLI_AUTH"  # noqa: S105 - it asks for one
_ASK_ADMIN = (
    "read -rp 'User who administers Redis: ' REDIS_ADMIN; read -rsp 'Password: ' REDISCLI_AUTH; export REDISCLI_AUTH"
)
_HARMLESS = {
    "ACL": ("ACL", "SETUSER", "nobody", "no-such-rule"),
    "CONFIG": ("CONFIG", "SET", "no-such-parameter", "0"),
}
"""Every server refuses these for their arguments: who is refused for another reason may not use the command."""
_NO_FILE = "The server was started without a configuration file: put the same where it is started, else it is lost."
_NO_ACL_FILE = "The server keeps users in no file: put the same line where it is started, else it is lost."
_BY_SERVICE = (
    "The server lets nobody change this by command. Set it where the service is configured: a managed service has a "
    "page or a parameter group for it."
)


@dataclass(frozen=True)
class Mending:
    """Makes the commands for one server."""

    server: Server

    def cli(self, *words: str, user: str | None = None) -> str:
        """Return one call of redis-cli, as a user who may do it; '' is the default user."""
        address = self.server.address
        if address.kind == "unix":
            place = ["-s", address.socket_path]
        else:
            place = ["-h", address.hosts[0][0], "-p", str(address.hosts[0][1])]
        secure = ["--tls"] if address.kind == "rediss" else []
        who = self._user_for(words) if user is None else user
        named = ["--user", who] if who else []
        return " ".join([shlex.join(["redis-cli", *place, *secure]), *named, shlex.join(words)]).rstrip()

    def commands(self, *calls: tuple[str, ...]) -> Commands:
        """Return calls of redis-cli, after what asks for the password that the first of them needs."""
        user = self._user_for(calls[0])
        return (*self.login(calls[0]), *(self.cli(*call, user=user) for call in calls))

    def login(self, call: tuple[str, ...]) -> Commands:
        """Return what asks for the password that a call needs; nothing where none is."""
        if self._user_for(call) == _ADMIN_VARIABLE:
            return (_ASK_ADMIN,)
        return (_ASK_PASSWORD,) if self.server.address.password else ()

    # Configuration

    def configure(self, **values: str) -> tuple[Commands, str]:
        """Return what sets a server's configuration for good, `_` standing for `-`; and what no command can do."""
        pairs = {name.replace("_", "-"): value for name, value in values.items()}
        if self._is_unknown("CONFIG"):
            return self._in_the_file(pairs)
        words = [word for pair in pairs.items() for word in pair]
        kept = [("CONFIG", "REWRITE")] if self._file else []
        return self.commands(("CONFIG", "SET", *words), *kept), "" if self._file else _NO_FILE

    def look_at(self, name: str) -> Commands:
        """Return what tells how something is configured, for who may ask."""
        if not self._is_unknown("CONFIG"):
            return self.commands(("CONFIG", "GET", name))
        return (f"grep -E '^{name} ' {shlex.quote(self._file)}",) if self._file else ()

    def _in_the_file(self, pairs: dict[str, str]) -> tuple[Commands, str]:
        if not self._file:
            return (), _BY_SERVICE
        lines = shlex.join(f"{name} {value}" for name, value in pairs.items())
        service = "valkey-server" if "valkey_version" in self.server.info else "redis-server"
        where = "" if self.server.is_local_socket else f" Both are run on {self.server.address.hosts[0][0]}."
        advice = f"CONFIG was renamed or taken out, so it goes into the file, and holds after a restart.{where}"
        return (f"printf '%s\\n' {lines} >> {shlex.quote(self._file)}", f"systemctl restart {service}"), advice

    # Users

    def set_user(self, name: str, *rules: str) -> tuple[Commands, str]:
        """Return what changes a user for good, and what no command can do."""
        call = ("ACL", "SETUSER", name, *rules)
        kept, advice = self.kept_users
        user = self._user_for(call)
        return (*self.login(call), self.cli(*call, user=user), *(self.cli(*each, user=user) for each in kept)), advice

    def set_default_password(self) -> tuple[Commands, str]:
        """Return what gives the default user a password, made into DEFAULT_FILE, instead of none."""
        call = ("ACL", "SETUSER", "default", "resetpass")
        kept, advice = self.kept_users
        # Who was let in without a password is so no longer.
        again = "" if self.server.address.password else _logged_in(DEFAULT_FILE)
        commands = (
            *self.login(call),
            _make_password(DEFAULT_FILE),
            f"{self.cli(*call)} {_digest_of(DEFAULT_FILE)}",
            *(f"{again}{self.cli(*each)}" for each in kept),
        )
        return commands, advice

    def set_user_as_new_admin(self, name: str, *rules: str, with_password: bool = False) -> tuple[Commands, str]:
        """Do as `set_user`, once there is another one who may do everything: its password is made, and never shown.

        `with_password`: the user gets one too, made into DEFAULT_FILE.
        """
        kept, advice = self.kept_users
        admin = self.cli("ACL", "SETUSER", ADMIN, "reset", "on")
        secret = ("resetpass",) if with_password else ()
        change = self.cli("ACL", "SETUSER", name, *rules, *secret, user=ADMIN)
        commands = (
            *self.login(("ACL", "SETUSER")),
            _make_password(ADMIN_FILE),
            f"{admin} {_digest_of(ADMIN_FILE)} '~*' '&*' +@all",
            *((_make_password(DEFAULT_FILE),) if with_password else ()),
            f"{_logged_in(ADMIN_FILE)}{change}{f' {_digest_of(DEFAULT_FILE)}' if with_password else ''}",
            *(f"{_logged_in(ADMIN_FILE)}{self.cli(*each, user=ADMIN)}" for each in kept),
        )
        told = f"From then on {ADMIN} administers this server, with the password in {ADMIN_FILE}: keep it."
        return commands, f"{told} {advice}".strip()

    @property
    def kept_users(self) -> tuple[tuple[tuple[str, ...], ...], str]:
        """What keeps users over a restart, and what no command can do."""
        if self._acl_file:
            return (("ACL", "SAVE"),), ""
        if self._file and not self._is_unknown("CONFIG"):
            return (("CONFIG", "REWRITE"),), ""
        return (), _NO_ACL_FILE

    @property
    def is_admin(self) -> bool:
        """Whether the user that the site logs in as may change users."""
        return self._may("ACL")

    # What the server allows

    def _user_for(self, call: tuple[str, ...]) -> str:
        if call and self._may(call[0] if call[0] in _HARMLESS else "ACL"):
            return shlex.quote(self.server.address.user) if self.server.address.user else ""
        return _ADMIN_VARIABLE if call else ""

    def _may(self, command: str) -> bool:
        return self.server.refusal_of(_HARMLESS[command]) is None

    def _is_unknown(self, command: str) -> bool:
        refusal = self.server.refusal_of(_HARMLESS[command])
        return isinstance(refusal, Forbidden) and refusal.is_unknown

    @cached_property
    def _file(self) -> str:
        """The configuration file; where it may not be asked for, there is one."""
        try:
            return str(self.server.info.get("config_file", ""))
        except CannotAsk:
            return "redis.conf"

    @cached_property
    def _acl_file(self) -> str:
        try:
            return self.server.configuration.get("aclfile", "")
        except CannotAsk:
            return ""


def _make_password(path: str) -> str:
    return f"(umask 077; openssl rand -hex 32 > {path})"


def _digest_of(path: str) -> str:
    """Return the rule that gives a user the password in a file, for a shell to fill in."""
    return f"\"#$(tr -d '\\n' < {path} | sha256sum | cut -d' ' -f1)\""


def _logged_in(path: str) -> str:
    return f"REDISCLI_AUTH=$(cat {path}) "
