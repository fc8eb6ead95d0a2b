"""Which keys of a backup are brought back, and why others are left out."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.operations.backups.restoring.errors import CannotRestore

CELERY = "Celery's: a restored queue runs finished jobs again"
OURS = "rate limits' own documents: the database is the truth"
NOT_ASKED = "not asked for"
ASKED_NOT = "left out as asked"

_CELERYS_PREFIXES = (b"celery", b"unacked", b"_kombu")
_CELERYS_NAMES = (b"long",)
_OUR_PREFIXES = (b"limits:{",)


@dataclass(frozen=True, slots=True)
class Selection:
    """Keys that begin with one of `only` (none: all) and with none of `without`.

    Unless `is_whole`, Celery's keys and the synced policies are left out too, and all of `celery_databases`.
    """

    only: tuple[bytes, ...] = ()
    without: tuple[bytes, ...] = ()
    is_whole: bool = False
    celery_databases: frozenset[int] = frozenset()

    @property
    def takes_all(self) -> bool:
        """Say whether nothing is left out."""
        return self.is_whole and not self.only and not self.without

    def why_not(self, key: bytes, *, database: int) -> str:
        """Return why a key is left out; '' when it is not."""
        if self.only and not key.startswith(self.only):
            return NOT_ASKED
        if self.without and key.startswith(self.without):
            return ASKED_NOT
        if self.is_whole:
            return ""
        if database in self.celery_databases or key.startswith(_CELERYS_PREFIXES) or key in _CELERYS_NAMES:
            return CELERY
        return OURS if key.startswith(_OUR_PREFIXES) else ""

    def demand_a_match(self, left_out: Mapping[str, int], *, keys: int) -> None:
        """Raise CannotRestore where no key was asked for: a mistyped prefix must not pass for a restore."""
        if self.only and left_out.get(NOT_ASKED, 0) == keys:
            asked = " or ".join(f"“{prefix.decode(errors='backslashreplace')}”" for prefix in self.only)
            raise CannotRestore(f"None of the {keys:,} keys in the backup begins with {asked}. Nothing was changed.")
