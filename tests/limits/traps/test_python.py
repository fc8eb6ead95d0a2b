"""Traps in what a name imports, and in what the embedded server can do."""

import re
import stat
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import redis
from django.conf import settings

import limits


def test_limits_is_this_package_and_the_library_of_that_name_is_not_installed(root: Path) -> None:
    assert Path(limits.__file__).parent == root / "limits"
    for name in ("limits", "flask-limiter"):
        with pytest.raises(PackageNotFoundError):
            distribution(name)


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-base.txt", "requirements-dev.txt", "constraints.txt"]
)
def test_nothing_asks_for_the_library_of_that_name(root: Path, name: str) -> None:
    asked_for = re.findall(r"^[A-Za-z0-9._-]+", (root / name).read_text(), re.MULTILINE)
    assert not {"limits", "flask-limiter"} & {package.lower() for package in asked_for}


def test_the_embedded_server_needs_no_tls(redis_server: redis.Redis) -> None:
    """It has none: nobody but who may open its socket's folder can reach it."""
    assert settings.REDIS.kind == "unix"
    assert redis_server.config_get("port") == {"port": "0"}
    assert redis_server.config_get("tls-port") in ({}, {"tls-port": "0"})
    assert stat.S_ISSOCK(Path(settings.REDIS.socket_path).stat().st_mode)
