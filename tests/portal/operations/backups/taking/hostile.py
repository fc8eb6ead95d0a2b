"""Something that speaks as a server does, and means harm."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

Answer = bytes | Callable[[socket.socket], None]
"""What is sent for a command, or who sends it."""


def hello(*, mode: bytes = b"standalone") -> bytes:
    """Return what a server of 7.0.15 says of itself."""
    told = {b"server": b"redis", b"version": b"7.0.15", b"mode": mode, b"role": b"master"}
    words = b"".join(bulk(name) + bulk(value) for name, value in told.items())
    return b"%%%d\r\n" % (len(told) + 1) + words + bulk(b"proto") + b":3\r\n"


def bulk(text: bytes) -> bytes:
    """Return a text as servers send it."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


@contextmanager
def hostile(answers: Mapping[str, Answer], *, socket_path: Path | None = None) -> Iterator[str]:
    """Give the address of a server that answers a command, by its name, so; and any other with OK.

    With a `socket_path` it listens there, and the address is that path.
    """
    ended = threading.Event()
    with _listening(socket_path) as listener:
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(listener, answers, ended, threads))
        accepting.start()
        try:
            yield str(socket_path) if socket_path else f"redis://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def _listening(path: Path | None) -> socket.socket:
    if path is None:
        return socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener


def _accept(
    listener: socket.socket, answers: Mapping[str, Answer], ended: threading.Event, threads: list[threading.Thread]
) -> None:
    while not ended.is_set():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        thread = threading.Thread(target=_serve, args=(client, {"HELLO": hello()} | dict(answers)))
        threads.append(thread)
        thread.start()


def _serve(client: socket.socket, answers: Mapping[str, Answer]) -> None:
    with client, client.makefile("rb") as asked, suppress(OSError):
        while command := _command(asked):
            answer: Any = answers.get(command, b"+OK\r\n")
            if callable(answer):
                answer(client)
            else:
                client.sendall(answer)


def _command(asked: BinaryIO) -> str:
    """Return the name of the next command; with its subcommand for CONFIG and CLUSTER."""
    head = asked.readline()
    if not head.startswith(b"*"):
        return ""
    words = [asked.read(int(asked.readline()[1:]) + 2)[:-2].decode(errors="replace") for _ in range(int(head[1:]))]
    name = words[0].upper()
    return f"{name} {words[1].upper()}" if name in ("CONFIG", "CLUSTER") and len(words) > 1 else name
