"""The scripts of `limits/lua`, as they are sent to Redis."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "lua"


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the SHA-1 by which a server knows it that has it already."""

    text: str
    sha: str


def script(*pieces: str) -> Script:
    """Return the script that these files make, one after the other; without `.lua`."""
    text = "".join((_FOLDER / f"{piece}.lua").read_text() for piece in pieces)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
