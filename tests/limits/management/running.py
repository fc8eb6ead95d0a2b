"""`manage.py` as an operator runs it: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]


def run(*command: str, var: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments on a state folder; return its exit code, stdout and stderr."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SECRET_KEY") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=inherited | {"PORTAL_VAR": str(var)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def manage(*arguments: str, var: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a management command."""
    return run("manage.py", *arguments, var=var, **environment)
