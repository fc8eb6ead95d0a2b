"""What lies on the shelf: backups, with what is known of each, and rubbish."""

import re
from dataclasses import dataclass, field

from portal.operations.backups.keeping.retention import Candidate
from portal.operations.backups.manifest import Level, Manifest, Notes, Part, Proof, Truth

MANIFEST = "manifest.json"
NOTES = "notes.json"
Stored = Part | Truth
"""A file of a backup, with its digests."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup: what has a manifest. `problems` are sentences on what is stored otherwise than it says."""

    manifest: Manifest
    notes: Notes = field(default_factory=Notes)
    problems: tuple[str, ...] = ()
    is_ours: bool = True
    """False: another site made it, or somebody changed its manifest since. It counts for nothing by itself."""

    @property
    def name(self) -> str:
        """Its folder in the storage."""
        return self.manifest.name

    @property
    def level(self) -> Level:
        """The highest level that it was proven to; none while files are missing or the latest proof failed."""
        if self.problems or self.notes.failed_at:
            return Level.NONE
        return max(self.manifest.level, *(proof.level for proof in self.notes.proven), Level.NONE)


@dataclass(frozen=True, slots=True)
class Rubbish:
    """What lies among the backups and is none, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that lies on a shelf: backups newest first, rubbish by name."""

    kept: tuple[Kept, ...]
    rubbish: tuple[Rubbish, ...]


def stored_files(manifest: Manifest) -> tuple[Stored, ...]:
    """Return the files that a manifest tells of."""
    return (*manifest.parts, manifest.truth) if manifest.truth else manifest.parts


def is_plain_name(name: str) -> bool:
    """Say whether a name is one step, that leads nowhere else: letters, digits, and `.`, `_`, `-` within."""
    return bool(_NAME.fullmatch(name))


def distrust(manifest: Manifest, *, folder: str) -> str:
    """Return why a manifest found in a folder cannot be believed, as a sentence; '' when it can."""
    names = [stored.file for stored in stored_files(manifest)]
    if manifest.name != folder or not is_plain_name(folder):
        return f"Its manifest is of another name, “{manifest.name[:80]}”."
    if wrong := [name for name in names if not is_plain_name(name) or name in (MANIFEST, NOTES)]:
        return f"Its manifest names “{wrong[0][:80]}”, which is no file of a backup."
    if wrong := [part.name for part in manifest.parts if not is_plain_name(part.name)]:
        return f"Its manifest names a part “{wrong[0][:80]}”, which is no name."
    if len(set(names)) < len(names):
        return "Its manifest names one file twice."
    if manifest.began_at.tzinfo is None:
        return "Its manifest gives a time without a zone."
    return "" if manifest.parts else "Its manifest has no parts."


def counts_as_proven(kept: Kept) -> bool:
    """Say whether retention may count on it: a server loaded it, or none could load its version, with a warning."""
    if kept.level == Level.NONE:
        return False
    return all(_is_enough(part.proof) for part in kept.manifest.parts) or any(map(_is_enough, kept.notes.proven))


def _is_enough(proof: Proof) -> bool:
    return proof.level >= Level.LOADS or (proof.level == Level.WELL_FORMED and not proof.is_loadable_here)


def candidate(kept: Kept) -> Candidate:
    """Return a backup as retention sees it."""
    return Candidate(
        name=kept.name,
        at=kept.manifest.began_at,
        is_proven=counts_as_proven(kept),
        is_pinned=kept.notes.is_pinned,
        is_ours=kept.is_ours,
    )
