"""The steps by which a person restores a whole server offline, for this very server."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.placing import AOF_MANIFEST, aside, base_name, manifest_name
from portal.operations.backups.restoring.server_files import ServerFiles


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, in words, and the commands that do it; '' where there is none."""

    words: str
    command: str = ""


def plan(files: ServerFiles, *, plain: Path, keys: int, now: datetime) -> tuple[Step, ...]:
    """Return the steps from a server as it is to one that holds what a plain file does. `keys` are those in the file.

    Raises CannotRestore for a replica: what is restored there is thrown away when it meets its primary.
    """
    refuse_replica(files)
    return (
        *_stop(files),
        _keep(files, now=now),
        *(_place(files, plain=plain) if files.has_aof_folder or not files.has_aof else _place_before_7(files, plain)),
        _compare(files, keys=keys),
        Step("Once all is well, remove what was kept.", f"ls -d {_quoted(files.folder)}/*.before-restore-*"),
    )


def refuse_replica(files: ServerFiles) -> None:
    """Raise CannotRestore for a server that takes its data from another."""
    if files.is_replica:
        raise CannotRestore(
            "This server is a replica: what is restored here is thrown away when it meets its primary. "
            "Nothing was changed. Restore the primary."
        )


def _stop(files: ServerFiles) -> list[Step]:
    if not files.is_running:
        return [Step("Make sure that the server does not run, and that nothing starts it again.", _ping(files))]
    steps = []
    if files.replicas:
        steps.append(
            Step(
                f"Stop its Sentinels and its {files.replicas} replicas: else one of them takes over, and this server "
                "becomes a replica and loses what was restored."
            )
        )
    if not files.has_aof:
        steps.append(
            Step(
                "Have it save what it holds now, to be able to go back. Leave this out where that is worth nothing.",
                f"{_client(files)} SAVE",
            )
        )
    return [
        *steps,
        Step("Stop the server before anything is copied: when it stops it may overwrite its file.", _stopping(files)),
        Step("See that it has stopped: this must say that the connection is refused.", _ping(files)),
    ]


def _stopping(files: ServerFiles) -> str:
    if files.supervisor == "systemd":
        return f"systemctl stop {_unit(files)}"
    if files.supervisor == "container":
        return "docker stop CONTAINER"
    return f"{_client(files)} SHUTDOWN NOSAVE"


def _starting(files: ServerFiles, *options: str) -> str:
    if files.supervisor == "systemd" and not options:
        return f"systemctl start {_unit(files)}"
    if files.supervisor == "container" and not options:
        return "docker start CONTAINER"
    return " ".join(
        (f"{files.engine or 'redis'}-server", shlex.quote(files.configuration or "CONFIGURATION"), *options)
    )


def _keep(files: ServerFiles, *, now: datetime) -> Step:
    moves = [
        f"[ ! -e {_quoted(path)} ] || mv {_quoted(path)} {_quoted(aside(path, now=now))}"
        for path in (files.dump, files.aof_folder, files.old_aof)
    ]
    return Step("Keep the old files under other names.", "\n".join(moves))


def _place(files: ServerFiles, *, plain: Path) -> list[Step]:
    dump, folder = _quoted(files.dump), _quoted(files.aof_folder)
    steps = [Step("Put the backup in place.", f"cp {_quoted(plain)} {dump}\n{_owner(files, files.dump)}")]
    if files.has_aof:
        base, manifest = files.aof_folder / base_name(files), files.aof_folder / manifest_name(files)
        commands = (
            f"mkdir -m 700 {folder}",
            f"cp {_quoted(plain)} {_quoted(base)}",
            f"echo {shlex.quote(AOF_MANIFEST.format(base=base.name).strip())} > {_quoted(manifest)}",
            _owner(files, files.aof_folder),
        )
        words = (
            "It has an AOF, beside which dump.rdb is not read, and without which it starts empty: make one whose "
            "base is the backup."
        )
        steps.append(Step(words, "\n".join(commands)))
    return [*steps, Step("Start it, as you always do.", _starting(files))]


def _place_before_7(files: ServerFiles, plain: Path) -> list[Step]:
    info = f"{_client(files)} INFO persistence | grep -E 'aof_(rewrite_in_progress|last_bgrewrite_status)'"
    return [
        Step(
            "Put the backup in place.",
            f"cp {_quoted(plain)} {_quoted(files.dump)}\n{_owner(files, files.dump)}",
        ),
        Step("Start it once without its AOF, which would be read instead.", _starting(files, "--appendonly no")),
        Step("Have it write a new AOF.", f"{_client(files)} CONFIG SET appendonly yes"),
        Step("Wait until this says 0 and ok.", info),
        Step("Stop it, and start it as you always do.", f"{_client(files)} SHUTDOWN"),
    ]


def _compare(files: ServerFiles, *, keys: int) -> Step:
    words = f"Compare: loaded and expired together must be {keys:,}."
    if keys:
        words += " Zero of both means that it started empty: stop it without saving, and look at the names above."
    return Step(words, f"{_client(files)} INFO persistence | grep rdb_last_load_keys")


def _client(files: ServerFiles) -> str:
    name = f"{files.engine or 'redis'}-cli"
    return f"{name} -s {shlex.quote(files.socket_path)}" if files.socket_path else f"{name} -p {files.port or 6379}"


def _ping(files: ServerFiles) -> str:
    return f"{_client(files)} PING"


def _unit(files: ServerFiles) -> str:
    return f"{files.engine or 'redis'}-server"


def _owner(files: ServerFiles, path: Path) -> str:
    return f"chown -R --reference={_quoted(files.folder)} {_quoted(path)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
