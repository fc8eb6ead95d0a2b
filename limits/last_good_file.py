"""Writing a last good copy: in one step, and for this user's eyes alone, for it may name people's addresses."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Put the text in place of what the file held. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600, exist_ok=False)
    part.write_text(text)
    part.replace(path)
