"""Where the web server listens."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from portal.runner import address
from portal.runner.refusals import CannotStart


def test_a_free_port_is_taken_and_given_back() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    address.check_is_free("127.0.0.1", port=port)
    address.check_is_free("127.0.0.1", port=port)


def test_a_port_that_is_taken_is_refused() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} on 127.0.0.1 is taken"):
            address.check_is_free("127.0.0.1", port=port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"cannot listen on 192\.0\.2\.1"):
        address.check_is_free("192.0.2.1", port=8000)


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
    ],
)
def test_the_local_address_is_one_that_can_be_visited(bind: str, url: str) -> None:
    assert address.local_url(bind, port=8000) == url


def test_nobody_answers_where_nobody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    assert not address.answers("127.0.0.1", port=port)


def test_a_socket_is_free_until_somebody_listens_there(tmp_path: Path) -> None:
    bind = f"unix:{tmp_path}/web.sock"
    address.check_is_free(bind, port=8000)
    assert not address.answers(bind, port=8000)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(f"{tmp_path}/web.sock")
        address.check_is_free(bind, port=8000)
        listener.listen()
        with pytest.raises(CannotStart, match="taken by another program"):
            address.check_is_free(bind, port=8000)


def test_a_socket_without_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no folder"):
        address.check_is_free(f"unix:{tmp_path}/none/web.sock", port=8000)


@pytest.mark.parametrize(
    ("bind", "place"),
    [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("unix:/run/web.sock", "unix:/run/web.sock")],
)
def test_gunicorn_is_told_where_to_listen(bind: str, place: str) -> None:
    assert address.place(bind, port=80) == place
