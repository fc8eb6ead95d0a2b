"""A restore onto a server that runs: in place, or as whole databases that are exchanged with the live ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from portal.operations.backups.rdb.walk import Walk
from portal.operations.backups.restoring import swapping
from portal.operations.backups.restoring.compare import Compared, compare
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed, reason_of
from portal.operations.backups.restoring.functions import functions_payload, keep_functions
from portal.operations.backups.restoring.load import Loaded, load
from portal.operations.backups.restoring.room import check_memory
from portal.operations.backups.restoring.saving import Saved, save_what_is_replaced
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.swapping import Exchange, Stage
from portal.operations.backups.restoring.target import Target

Progress = Callable[[int, int | None, str], None]
"""Hears how many bytes of how many are done, and of what."""

_UNTOUCHED = "The live data was not touched."


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. Whole databases were `compared` and exchanged; in place, what was replaced was `saved`."""

    loaded: Loaded
    saved: Saved | None = None
    compared: Compared | None = None
    exchange: Exchange | None = None
    functions: int = 0
    warnings: tuple[str, ...] = field(default=())


def restore_in_place(
    plains: Sequence[Path],
    *,
    target: Target,
    selection: Selection,
    folder: Path,
    keep: Callable[[Sequence[Path]], object],
    bytes_per_key: int = 0,
    progress: Progress,
) -> Restored:
    """Restore key by key over what is there; what is replaced is handed to `keep`, as files, before anything changes.

    Keys that the backup does not hold stay as they are. `bytes_per_key` is what one takes in memory, about.
    Raises CannotRestore (nothing was changed), RestoreFailed.
    """
    size = sum(plain.stat().st_size for plain in plains)
    files = [folder / f"replaced-{number}.rdb" for number, _ in enumerate(plains)]
    saved = [
        save_what_is_replaced(
            plain,
            target=target,
            selection=selection,
            into=file,
            progress=lambda done: progress(done, size, "saving what will be replaced"),
        )
        for plain, file in zip(plains, files, strict=True)
    ]
    total = Saved(sum(part.replaced for part in saved), added=sum(part.added for part in saved))
    warning = ""
    if not target.is_cluster:
        needed_bytes = total.added * bytes_per_key
        warning = check_memory(target, needed_bytes=needed_bytes, instead="or restore fewer keys with --only")
    if written := [file for file in files if file.exists()]:
        keep(written)
    done = _load_all(
        plains, target=target, selection=selection, progress=lambda done: progress(done, size, "restoring")
    )
    selection.demand_a_match(done.left_out, keys=done.keys)
    return Restored(done, saved=total, warnings=(warning,) if warning else ())


def restore_whole(
    plain: Path,
    *,
    target: Target,
    databases: Iterable[int],
    avoid: frozenset[int],
    needed_bytes: int,
    name: str,
    note: Callable[[Exchange, Stage], None],
    progress: Progress,
) -> Restored:
    """Restore all that a file holds into spare databases, compare, and exchange them with the live `databases`.

    `avoid` are databases that are in use though they may be empty. `note` hears what is about to be filled, and what
    is about to be exchanged: so that somebody knows what lies where, wherever this ends. Raises CannotRestore,
    RestoreFailed.
    """
    if target.is_cluster:
        raise CannotRestore("A Cluster has one database only: nothing can be exchanged there. Nothing was changed.")
    live = tuple(sorted(databases))
    run_id = swapping.run_id(target)
    warning = check_memory(
        target,
        needed_bytes=needed_bytes,
        instead="restore to another server with --to, or restore in place, without --whole",
    )
    spare = target.spare_databases(len(live), taken=avoid | frozenset(live))
    exchange = Exchange(name, spare_of=dict(zip(live, spare, strict=True)))
    note(exchange, Stage.FILLING)
    swapping.claim(target, exchange=exchange)
    try:
        loaded, compared = _fill(plain, target=target, exchange=exchange, progress=progress)
        if swapping.run_id(target) != run_id:
            raise RestoreFailed("FAILED: another server took over meanwhile, which may not hold all that was restored.")
        note(exchange, Stage.KEPT)
    except RestoreFailed as error:
        _empty(target, exchange)
        raise RestoreFailed(f"{error} {_UNTOUCHED}") from error
    except BaseException:
        _empty(target, exchange)
        raise
    try:
        swapping.exchange(target, exchange=exchange)
    except CannotRestore:
        _empty(target, exchange)
        raise
    functions, complaint = _restore_functions(plain, target=target, exchange=exchange)
    warnings = tuple(words for words in (warning, complaint) if words)
    return Restored(loaded, compared=compared, exchange=exchange, functions=functions, warnings=warnings)


def _fill(plain: Path, *, target: Target, exchange: Exchange, progress: Progress) -> tuple[Loaded, Compared]:
    """Restore all that a file holds into the spare databases, and compare. Raises RestoreFailed."""
    size = plain.stat().st_size
    loaded = load(
        plain,
        target=target,
        selection=Selection(is_whole=True),
        database_of=exchange.spare,
        progress=lambda done: progress(done, size, "restoring beside the live data"),
    )
    compared = compare(
        plain,
        target=target,
        selection=Selection(is_whole=True),
        database_of=exchange.spare,
        progress=lambda done: progress(done, size, "comparing with the backup"),
    )
    compared.demand_equal()
    return loaded, compared


def _load_all(
    plains: Sequence[Path], *, target: Target, selection: Selection, progress: Callable[[int], None]
) -> Loaded:
    """Load each file, also when another one failed. Raises RestoreFailed, which tells of all that failed."""
    loaded, failures = [], []
    for plain in plains:
        try:
            loaded.append(load(plain, target=target, selection=selection, progress=progress))
        except RestoreFailed as error:
            failures.append(str(error))
    done = _sum(loaded)
    if failures:
        others = f" Of the other parts {done.loaded:,} keys were restored." if loaded else ""
        raise RestoreFailed(" ".join(failures) + others)
    return done


def _restore_functions(plain: Path, *, target: Target, exchange: Exchange) -> tuple[int, str]:
    """Restore the function libraries; return how many, and what went wrong."""
    with plain.open("rb") as file:
        walk = Walk(file, keeps_values=False)
        next(iter(walk), None)  # they stand before the first key
    if not walk.functions:
        return 0, ""
    try:
        keep_functions(target, exchange=exchange)
        target.server.execute_command("FUNCTION", "RESTORE", functions_payload(walk.functions), "REPLACE")
    except redis.RedisError as error:
        return 0, f"The {len(walk.functions)} function libraries were not restored: {reason_of(error)}."
    return len(walk.functions), ""


def _empty(target: Target, exchange: Exchange) -> None:
    try:
        swapping.drop(target, exchange=exchange)
    except CannotRestore as error:
        raise RestoreFailed(
            f"FAILED: {error} {_UNTOUCHED} What was restored lies in database "
            f"{', '.join(map(str, exchange.spare_of.values()))} of {target.place}: empty it by FLUSHDB."
        ) from error


def _sum(parts: Sequence[Loaded]) -> Loaded:
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out.update(part.left_out)
    return Loaded(
        sum(part.keys for part in parts),
        loaded=sum(part.loaded for part in parts),
        expired=sum(part.expired for part in parts),
        left_out=dict(left_out),
    )
