"""Going back after a restore of whole databases: the old data is kept for an hour."""

from datetime import datetime

from django.db.models import Q, QuerySet

from portal.operations.backups.restoring import swapping
from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.functions import forget_functions, take_functions_back
from portal.operations.backups.restoring.swapping import Exchange, NotOurs
from portal.operations.backups.restoring.target import Target, open_target
from portal.operations.backups.sources import NoSuchSource, source_named, source_names
from portal.operations.models import JobRun, KeptData
from portal.redis_address import RedisAddress


def newest_kept(*, to: RedisAddress | None = None, may_be_half: bool = False) -> KeptData | None:
    """Return what the last restore moved aside, if it is still there: on a server of ours, or on the one at `to`.

    With `may_be_half` also what a restore was still filling, or left when it was cut off.
    """
    states = (KeptData.State.KEPT, *((KeptData.State.FILLING,) if may_be_half else ()))
    kept = KeptData.objects.filter(state__in=states)
    return (kept.filter(source="", place=Target(to).place) if to else kept.filter(source__in=source_names())).first()


def take_back(kept: KeptData, *, to: RedisAddress | None = None) -> None:
    """Exchange the databases once more: the old data is live again. Raises CannotRestore."""
    with open_target(to or _address(kept)) as target:
        _demand_place(kept, target=target)
        exchange = _exchange(kept)
        take_functions_back(target, exchange=exchange)
        swapping.go_back(target, exchange=exchange)
        forget_functions(target, exchange=exchange)
        # What had been restored lies in the backup.
        swapping.drop(target, exchange=exchange)
    KeptData.objects.filter(pk=kept.pk).update(state=KeptData.State.TAKEN_BACK)


def drop(kept: KeptData, *, to: RedisAddress | None = None) -> None:
    """Empty the spare databases before their hour is over. Raises CannotRestore."""
    with open_target(to or _address(kept)) as target:
        _demand_place(kept, target=target)
        swapping.drop(target, exchange=_exchange(kept))
    KeptData.objects.filter(pk=kept.pk).update(state=KeptData.State.DROPPED)


def drop_old_data(*, now: datetime) -> list[str]:
    """Empty the spare databases whose hour is over, and those that a restore filled that has ended in the middle.

    Return what was not there any more, as sentences.
    """
    complaints = []
    for kept in _over(now):
        try:
            with open_target(_address(kept)) as target:
                swapping.drop(target, exchange=_exchange(kept))
        except NotOurs as error:
            if kept.state == KeptData.State.KEPT:
                complaints.append(f"{kept}: {error}")
        except CannotRestore:
            continue  # a server that is away for now
        KeptData.objects.filter(pk=kept.pk).update(state=KeptData.State.DROPPED)
    return complaints


def _over(now: datetime) -> QuerySet[KeptData]:
    is_old = Q(state=KeptData.State.KEPT, until__lte=now)
    is_broken_off = Q(state=KeptData.State.FILLING) & ~Q(run__state=JobRun.State.RUNNING)
    return KeptData.objects.filter(is_old | is_broken_off).exclude(source="")


def _demand_place(kept: KeptData, *, target: Target) -> None:
    # The address of a source may change, and it is the same data; --to may name any server.
    if not kept.source and kept.place != target.place:
        raise CannotRestore(
            f"The last restore to another server was to {kept.place}, and not to {target.place}. Nothing was changed. "
            "Name that one with --to."
        )


def _exchange(kept: KeptData) -> Exchange:
    return Exchange(kept.name, spare_of={int(live): int(spare) for live, spare in kept.databases})


def _address(kept: KeptData) -> RedisAddress:
    try:
        return source_named(kept.source).address
    except NoSuchSource as error:
        raise CannotRestore(f"{error} Name the server with --to.") from error
