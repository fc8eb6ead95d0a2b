"""A slow line: a proxy that hands everything on, what the server says so much later."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class SlowLine:
    """Listens on a socket, Unix or TCP, and leads to another. `delay_seconds` may change at any time;
    `connections` were opened so far."""

    def __init__(self, listener: socket.socket, *, to: str | tuple[str, int]) -> None:
        self._listener = listener
        self._to = to
        self._sockets: list[socket.socket] = [listener]
        self.delay_seconds = 0.0
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close it and every connection over it."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                self._lead_on(near)

    def _lead_on(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX if isinstance(self._to, str) else socket.AF_INET)
        self._sockets += [near, far]
        try:
            far.connect(self._to)
        except OSError:
            near.close()
            far.close()
            return
        threading.Thread(target=self._hand_on, args=(near, far), daemon=True).start()
        threading.Thread(target=self._hand_on, args=(far, near), kwargs={"late": True}, daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, *, late: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if late:
                    time.sleep(self.delay_seconds)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_line(place: str, *, to: str) -> Iterator[SlowLine]:
    """Open a slow line from one Unix socket to another."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    line = SlowLine(listener, to=to)
    yield line
    line.close()
