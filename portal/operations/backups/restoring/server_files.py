"""Where a server keeps its data, and which of them it reads at its start: asked, or read in its configuration."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.walk import Walk
from portal.operations.backups.restoring.errors import CannotRestore, reason_of
from portal.operations.backups.versions import is_at_least

_AOF_OF_MANY_FILES = (7, 0)
_INCLUDES_MAX = 10


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """A server's files. `version` and `engine` are '' where unknown; `port` and `socket_path` where it listens."""

    folder: Path
    has_aof: bool
    engine: str = ""
    version: str = ""
    dump_name: str = "dump.rdb"
    aof_folder_name: str = "appendonlydir"
    aof_name: str = "appendonly.aof"
    port: int = 0
    socket_path: str = ""
    is_running: bool = False
    is_replica: bool = False
    replicas: int = 0
    supervisor: str = ""
    """What stops and starts it: `systemd`, `container`, or '' for nothing known."""
    configuration: str = ""
    """Its configuration file, '' for none or an unknown one."""

    @property
    def dump(self) -> Path:
        """The RDB file that is read without AOF."""
        return self.folder / self.dump_name

    @property
    def aof_folder(self) -> Path:
        """The folder of the AOF, from version 7.0 on."""
        return self.folder / self.aof_folder_name

    @property
    def old_aof(self) -> Path:
        """The one file of an AOF before version 7.0; newer servers still take it over."""
        return self.folder / self.aof_name

    @property
    def has_aof_folder(self) -> bool:
        """Say whether its AOF, if it has one, is a folder; of an unknown version it is taken to be."""
        return self.engine == "valkey" or not self.version or is_at_least(self.version, least=_AOF_OF_MANY_FILES)


def ask_files(client: Any) -> ServerFiles:
    """Return what a running server says. Raises CannotRestore where it may not be asked, and redis.RedisError."""
    try:
        told = client.config_get("*")
    except redis.ResponseError as error:
        raise CannotRestore(
            f"The server does not tell where its files are ({reason_of(error)}). Nothing was changed. "
            "Name its configuration file or its folder."
        ) from error
    server, replication = client.info("server"), client.info("replication")
    is_valkey = "valkey_version" in server
    return ServerFiles(
        **_of_settings(told),
        engine="valkey" if is_valkey else "redis",
        version=str(server["valkey_version" if is_valkey else "redis_version"]),
        is_running=True,
        is_replica=replication["role"] != "master",
        replicas=replication["connected_slaves"],
        supervisor=_supervisor(told, process=server["process_id"]),
        configuration=str(server.get("config_file", "")),
    )


def read_configuration(path: Path, *, engine: str = "", version: str = "") -> ServerFiles:
    """Return what a stopped server's configuration file says, its includes too.

    An engine and version that are not given are those that wrote the data found there. Raises CannotRestore.
    """
    told = dict(_settings(path))
    if not Path(told.get("dir", "")).is_absolute():
        raise CannotRestore(f"{path} names no `dir` that is an absolute path. Nothing was changed. Name the folder.")
    files = ServerFiles(
        **_of_settings(told),
        engine=engine,
        version=version,
        is_replica=bool({"replicaof", "slaveof"} & told.keys()),
        supervisor="systemd" if told.get("supervised") == "systemd" else "",
        configuration=str(path),
    )
    return files if version else _with_version(files)


def look_into(folder: Path, *, has_aof: bool | None = None, engine: str = "", version: str = "") -> ServerFiles:
    """Return what a stopped server's folder shows, its files named as by default.

    Where it is not told, a server has an AOF when one is there. Raises CannotRestore for what is no folder.
    """
    if not folder.is_dir():
        raise CannotRestore(f"{folder} is no folder. Nothing was changed. Name the `dir` of the server.")
    files = ServerFiles(folder=folder.resolve(), has_aof=bool(has_aof), engine=engine, version=version)
    if has_aof is None:
        files = replace(files, has_aof=files.aof_folder.is_dir() or files.old_aof.is_file())
    return files if version else _with_version(files)


def _of_settings(told: dict[str, str]) -> dict[str, Any]:
    return {
        "folder": Path(told["dir"]),
        "has_aof": told.get("appendonly", "no") == "yes",
        "dump_name": told.get("dbfilename") or "dump.rdb",
        "aof_folder_name": told.get("appenddirname") or "appendonlydir",
        "aof_name": told.get("appendfilename") or "appendonly.aof",
        "port": int(told.get("port", 6379)) or int(told.get("tls-port", 0)),
        "socket_path": told.get("unixsocket", ""),
    }


def _supervisor(told: dict[str, str], *, process: int) -> str:
    if process == 1:
        return "container"
    return "systemd" if told.get("supervised") == "systemd" else ""


def _settings(path: Path, *, depth: int = 0) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise CannotRestore(f"{path} cannot be read: {error.strerror}. Nothing was changed.") from error
    for line in lines:
        name, _, value = line.strip().partition(" ")
        if name.lower() == "include" and depth < _INCLUDES_MAX:
            for included in _included(value, beside=path):
                yield from _settings(included, depth=depth + 1)
        elif name and not name.startswith("#"):
            yield name.lower(), _unquoted(value)


def _included(value: str, *, beside: Path) -> list[Path]:
    named = Path(_unquoted(value))
    return sorted(named.parent.glob(named.name)) if named.is_absolute() else sorted(beside.parent.glob(str(named)))


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip()


def _with_version(files: ServerFiles) -> ServerFiles:
    """Add the version that wrote the data which is there now."""
    for path in (files.dump, *sorted(files.aof_folder.glob("*.base.rdb"))):
        engine, version = written_by(path)
        if version:
            return replace(files, engine=engine, version=version)
    return files


def written_by(path: Path) -> tuple[str, str]:
    """Return the engine and the version that an RDB file names as its writer, '' where it names none."""
    try:
        with path.open("rb") as file:
            walk = Walk(file, keeps_values=False)
            next(iter(walk), None)
    except (OSError, RdbError):
        return "", ""
    for engine in ("valkey", "redis"):
        if told := walk.aux.get(f"{engine}-ver".encode()):
            return engine, told.decode(errors="replace")
    return "", ""
