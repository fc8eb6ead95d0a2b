"""Servers as people run them: wide open, with a password, with users, with TLS, with renamed commands."""

import atexit
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.servers import REDIS
from tests.servers import Server, free_port, wait_until

PASSWORD = "the-password-of-the-default-user"
ADMIN_PASSWORD = "the-password-of-who-administers"
APP_PASSWORD = "the-password-of-the-application"
SECRETS = (PASSWORD, ADMIN_PASSWORD, APP_PASSWORD)

WIDE_OPEN = ("bind 0.0.0.0", "protected-mode no", "maxmemory-policy allkeys-lru", 'save ""')
PASSWORD_ONLY = ("bind 127.0.0.1", f"requirepass {PASSWORD}")
RENAMED = (
    *("bind 127.0.0.1", f"requirepass {PASSWORD}", "maxmemory 64mb", "maxmemory-policy volatile-ttl"),
    *(f'rename-command {name} ""' for name in ("FLUSHALL", "FLUSHDB", "CONFIG", "DEBUG", "SHUTDOWN", "KEYS", "ACL")),
    *(f'rename-command {name} ""' for name in ("REPLICAOF", "SLAVEOF", "MODULE")),
)
SOUND = ("bind 127.0.0.1", "maxmemory 64mb", "maxmemory-policy noeviction", "appendonly yes")


def with_users(rules: str) -> tuple[str, ...]:
    """Return the configuration of a server whose default user is off, with an administrator and an application."""
    return (
        *SOUND,
        "user default off",
        f"user admin on >{ADMIN_PASSWORD} ~* &* +@all",
        f"user app on >{APP_PASSWORD} {rules}",
    )


@dataclass
class Started:
    """A server with a configuration file of its own, and the address by which the site uses it."""

    folder: Path
    address: RedisAddress
    server: Server
    program: str

    def restart(self) -> None:
        """Stop it and start it with its file."""
        self.server.stop()
        self.server = _run(self.program, self.folder, self.address)


def start(
    folder: Path, *configuration: str, user: str = "", password: str = "", program: str = REDIS, socket: str = ""
) -> Started:
    """Start a server with these lines in its file; on a Unix socket where one is named, else on a port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    place = [f"port {port}"] if not socket else ["port 0", f"unixsocket {socket}"]
    secret = f"{user}:{password}@" if user or password else ""
    url = f"unix://{secret}{socket}" if socket else f"redis://{secret}127.0.0.1:{port}/0"
    return _started(folder, [*place, *configuration], parse_redis_address(url), program)


def start_tls(folder: Path, *configuration: str, password: str = "") -> Started:
    """Start a server that speaks TLS alone, with a certificate that signs itself, `redis.crt` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    make_certificate(folder)
    lines = [
        *("port 0", f"tls-port {port}", "tls-auth-clients no"),
        *(
            f"tls-cert-file {folder}/redis.crt",
            f"tls-key-file {folder}/redis.key",
            f"tls-ca-cert-file {folder}/redis.crt",
        ),
        *configuration,
    ]
    address = parse_redis_address(f"rediss://:{password}@127.0.0.1:{port}/0")
    return _started(folder, lines, address, REDIS)


def make_certificate(folder: Path, *, days: int = 365) -> None:
    """Write a certificate for loopback that signs itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", str(folder / "redis.key"), "-out", str(folder / "redis.crt")),
        ],
        check=True,
        capture_output=True,
    )


def run_commands(commands: Sequence[str], *, folder: Path, typed: str = "") -> str:
    """Run mending commands as they are printed, in one bash; return what they said. Fails when one does not succeed."""
    script = "\n".join(["set -e -o pipefail", *commands])
    done = subprocess.run(["bash", "-c", script], input=typed, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (commands, done.stdout, done.stderr)
    said = done.stdout
    assert not any(word in said for word in ("ERR", "NOPERM", "NOAUTH", "WRONGPASS")), (commands, said)
    return said


def _started(folder: Path, lines: Sequence[str], address: RedisAddress, program: str) -> Started:
    (folder / "redis.conf").write_text("\n".join([f"dir {folder}", *lines]) + "\n")
    return Started(folder, address, _run(program, folder, address), program)


def _run(program: str, folder: Path, address: RedisAddress) -> Server:
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "redis.conf")], stdout=log, stderr=log)
    server = Server(process, address.url)
    atexit.register(server.stop)
    wait_until(lambda: b"eady to accept connections" in (folder / "redis.log").read_bytes(), what=program)
    return server
