"""By the server's own dump file: BGSAVE, and the file taken over while it is still there.

BGSAVE is followed by `INFO persistence`, never by LASTSAVE, which counts whole seconds and stands still when a save
fails. A failed BGSAVE can stop the site's writes (MISCONF), so it is tried only where there is known to be room.
"""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.taking.errors import CannotTake, WayClosed
from portal.operations.backups.taking.header import Header, read_header
from portal.operations.backups.taking.landing import Landing
from portal.operations.backups.taking.survey import info_of
from portal.operations.redis_answers import is_forbidden
from portal.redis_address import Client

DEADLINE_SECONDS = 3600.0
_POLL_SECONDS = 0.1
_CLOCK = timedelta(seconds=1)
"""A file tells its time in whole seconds."""


def save(client: Client, *, place: str, into: Landing, deadline_seconds: float = DEADLINE_SECONDS) -> None:
    """Let a server save, and take over its file.

    Waits for a save or an AOF rewrite under way. Raises WayClosed where the server's folder cannot be seen from here,
    may not be asked for, or lacks room: nothing was tried then. Raises CannotTake when the save failed.
    """
    file = dump_file(client, place=place)
    _check_room(client, file=file, place=place)
    saving = _Saving(client, place=place, into=into, ends_at=time.monotonic() + deadline_seconds)
    began_at = saving.run(folder=file.parent)
    try:
        into.adopt(file)
        header = read_header(into.part)
    except (OSError, RdbError) as error:
        raise CannotTake(
            f"{place} saved, but its file {file} cannot be read from here: {error}. Back up over the wire instead "
            "(a user with `+psync +replconf`), or let this user read that folder."
        ) from error
    _check_identity(header, file=file, place=place, began_at=began_at)


def check_before_wire(client: Client, *, place: str) -> None:
    """Raise WayClosed where the wire too would make the server save on its own disk, and that is not known to be safe.

    It does so with `repl-diskless-sync no`, which has not been the default since 7.0.
    """
    try:
        told = client.config_get("repl-diskless-sync")
    except redis.ResponseError as error:
        if not is_forbidden(error):
            raise
        return
    if told.get("repl-diskless-sync") == "no":
        _check_room(client, file=dump_file(client, place=place), place=place)


def dump_file(client: Client, *, place: str) -> Path:
    """Return where a server saves. Raises WayClosed when it may not be asked, or the folder is not here to be read."""
    try:
        told = client.config_get("dir", "dbfilename")
    except redis.ResponseError as error:
        if not is_forbidden(error):
            raise
        told = {}
    if not told.get("dir"):
        raise WayClosed(
            f"{place} does not tell in which folder it saves: that takes a user with `+config|get +bgsave +info`."
        )
    file = Path(told["dir"], told["dbfilename"])
    if not os.access(file.parent, os.R_OK | os.X_OK) or (file.exists() and not os.access(file, os.R_OK)):
        raise WayClosed(f"{place} saves in {file.parent}, which this process cannot read, or which is on another host.")
    if file.exists() and not file.is_file():
        raise WayClosed(f"{place} says that it saves in {file}, which is no ordinary file.")
    return file


def room_needed_bytes(file: Path, *, used_memory_bytes: int) -> int:
    """Return what a save needs at most: twice the last file, grown as the memory grew since; without one, the memory.

    Raises OSError.
    """
    try:
        size, then = file.stat().st_size, read_header(file).used_memory_bytes
    except (FileNotFoundError, RdbError):
        return used_memory_bytes
    return 2 * size * max(used_memory_bytes, then) // then if then else max(2 * size, used_memory_bytes)


def _check_room(client: Client, *, file: Path, place: str) -> None:
    used = info_of(client).get("used_memory")
    if used is None:
        raise WayClosed(f"{place} does not tell how its saves end: that takes a user with `+info`.")
    try:
        needed, free = room_needed_bytes(file, used_memory_bytes=used), shutil.disk_usage(file.parent).free
    except OSError as error:
        raise WayClosed(f"Whether there is room for a save in {file.parent} cannot be known: {error}.") from error
    if free < needed:
        raise WayClosed(
            f"BGSAVE was not tried: {file.parent}, where {place} saves, has {free:,} bytes free, and a save may take "
            f"{needed:,}. One that fails can stop every write of the site. Make room there."
        )


def _check_identity(header: Header, *, file: Path, place: str, began_at: datetime) -> None:
    if header.began_at is None or header.began_at < began_at - _CLOCK:
        raise CannotTake(
            f"{file} is not what {place} has just saved: it is older, so that folder is another server's, or on "
            "another host. Back up over the wire instead (a user with `+psync +replconf`)."
        )


class _Saving:
    """One BGSAVE, from the waiting before it to its end."""

    def __init__(self, client: Client, *, place: str, into: Landing, ends_at: float) -> None:
        self._client = client
        self._place = place
        self._into = into
        self._ends_at = ends_at

    def run(self, *, folder: Path) -> datetime:
        """Return the server's time at which it was asked to save, once that is done well. Raises CannotTake."""
        while True:
            info = self._wait_until_idle()
            if self._begins():
                break
            self._pause("others save before it can")
        began_at = datetime.fromtimestamp(info["server_time_usec"] // 1_000_000, UTC)
        saves = info["rdb_saves"]
        while (info := self._look())["rdb_bgsave_in_progress"] or info["rdb_saves"] == saves:
            self._pause("its save is still under way")
        if info["rdb_last_bgsave_status"] != "ok" or info["rdb_last_save_time"] < int(began_at.timestamp()):
            raise self._failure(f"failed; its log says why, most often that {folder} is full or cannot be written to")
        return began_at

    def _wait_until_idle(self) -> dict[str, Any]:
        while (info := self._look())["rdb_bgsave_in_progress"] or info["aof_rewrite_in_progress"]:
            self._pause("another save, or an AOF rewrite, is still under way")
        return info

    def _begins(self) -> bool:
        """Say whether BGSAVE began; False: somebody else's save did in between. Raises WayClosed, CannotTake."""
        try:
            self._client.bgsave(schedule=False)
        except redis.ResponseError as error:
            if is_forbidden(error):
                raise WayClosed(f"{self._place} does not save when asked: that takes a user with `+bgsave`.") from error
            if "in progress" in str(error) or "child process" in str(error):
                return False
            # When the fork fails the server says ERR and nothing else.
            said = f" ({error})" if str(error) else ""
            raise self._failure(
                f"could not begin{said}: it could not make a copy of itself to save from. It lacks memory or "
                "processes: look at its log, at vm.overcommit_memory and at the host's limits"
            ) from error
        return True

    def _look(self) -> dict[str, Any]:
        info: dict[str, Any] = self._client.info()
        return info

    def _pause(self, why: str) -> None:
        if time.monotonic() >= self._ends_at:
            raise CannotTake(f"{self._place} did not save in time: {why}. Look at INFO persistence, and try again.")
        self._into.waits()
        time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> CannotTake:
        return CannotTake(
            f"The BGSAVE of {self._place} {what}. ATTENTION: until a BGSAVE succeeds, a server with `save` points "
            "refuses every write of the site (MISCONF). Mend the cause now, and run BGSAVE until "
            "rdb_last_bgsave_status is ok."
        )
