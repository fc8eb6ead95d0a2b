"""Looking at the storage on behalf of pages: at most once a minute, and never to their harm."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal.operations.backups import inventory
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.kept import Rubbish
from portal.operations.backups.keeping.shelf import Shelf

EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last look found: what is no backup, and why the storage could not be reached ('': it could)."""

    at: datetime
    rubbish: tuple[Rubbish, ...] = ()
    complaint: str = ""


@dataclass(slots=True)
class StorageLook:
    """The last look of this process. The rows, which it brings into step with the storage, are everybody's."""

    _seen: Seen | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def seen(self, *, now: datetime) -> Seen:
        """Return what was seen within a minute, having looked if need be."""
        seen = self._seen
        if seen is None or not timedelta() <= now - seen.at < EVERY:
            # While another page looks at a storage that takes its time, the last look has to do.
            return seen if seen and self._looking.locked() else self.again(now=now)
        return seen

    def again(self, *, now: datetime) -> Seen:
        """Look now, and return what is seen."""
        with self._looking:
            try:
                self._seen = Seen(now, rubbish=inventory.take_inventory(now=now, shelf=Shelf()).rubbish)
            except KeepingError as error:
                before = self._seen.rubbish if self._seen else ()
                self._seen = Seen(now, rubbish=before, complaint=str(error))
            return self._seen

    def forget(self) -> None:
        """Begin anew."""
        self._seen = None


storage_look = StorageLook()
