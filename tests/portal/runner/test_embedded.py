"""The embedded server's files."""

import subprocess
from pathlib import Path

import pytest
import redis

from portal.redis_address import RedisAddress, embedded_address
from portal.runner import embedded
from portal.runner.refusals import CannotStart
from tests.portal.runner.running import wait_until


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    socket_path = str(tmp_path / "shared" / "redis.sock")
    with pytest.raises(CannotStart, match="nobody but you can enter"):
        embedded.prepare_server(RedisAddress(kind="unix", socket_path=socket_path), folder=tmp_path / "redis")


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    socket_path = str(tmp_path / "link" / "redis.sock")
    with pytest.raises(CannotStart, match="nobody but you can enter"):
        embedded.prepare_server(RedisAddress(kind="unix", socket_path=socket_path), folder=tmp_path / "redis")


@pytest.mark.server
@pytest.mark.parametrize("name", ["plain", 'with space and "quotes"', "ünïcode", "x" * 90])
def test_a_server_starts_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    var = tmp_path / name
    var.mkdir()
    address = embedded_address(var)
    command = embedded.prepare_server(address, folder=var / "redis")
    assert not embedded.answers(address)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: embedded.answers(address))
            with redis.Redis.from_url(address.url) as client:
                assert client.config_get("maxmemory-policy", "save", "appendonly") == {
                    "maxmemory-policy": "noeviction",
                    "save": "",
                    "appendonly": "yes",
                }
                assert client.config_get("dir")["dir"] == str(var / "redis")
        finally:
            server.terminate()
            server.wait()
            if not address.socket_path.startswith(str(var)):
                Path(address.socket_path).parent.rmdir()
