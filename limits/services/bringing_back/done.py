"""What was done to rows of one kind, in people's words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What stays as it is, and why: whole sentences."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Done:
    """What was made, changed and deleted, each by what it is called, and what was left out."""

    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def number(self) -> int:
        """How many rows were written."""
        return len(self.made) + len(self.changed) + len(self.deleted)
