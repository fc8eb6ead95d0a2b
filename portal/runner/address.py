"""Where the web server listens, and what a client on this machine calls it.

`bind` is a host, or `unix:/path` for a Unix socket, which has no port.
"""

import errno
import http.client
import os
import socket
from contextlib import closing

from portal.runner.refusals import CannotStart

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound to it here
_ANSWER_SECONDS = 1.0
_UNIX = "unix:"


def check_is_free(bind: str, *, port: int) -> None:
    """Raise CannotStart when nobody can listen there."""
    if bind.startswith(_UNIX):
        _check_socket_is_free(bind.removeprefix(_UNIX))
        return
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((bind, port))
            listener.listen()
        except OSError as error:
            raise CannotStart(_why_not(error, bind=bind, port=port)) from error


def place(bind: str, *, port: int) -> str:
    """Return where to listen, as gunicorn takes it."""
    return bind if bind.startswith(_UNIX) else f"{bracketed(bind)}:{port}"


def bracketed(host: str) -> str:
    """Return a host as addresses write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def local_url(bind: str, *, port: int) -> str:
    """Return the plain HTTP address, or the socket, at which this machine reaches the web server."""
    return bind if bind.startswith(_UNIX) else f"http://{bracketed(_EVERYWHERE.get(bind, bind))}:{port}"


def answers(bind: str, *, port: int) -> bool:
    """Return whether the web server answers that it is alive."""
    host = "localhost" if bind.startswith(_UNIX) else _EVERYWHERE.get(bind, bind)
    with closing(http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)) as connection:
        try:
            if bind.startswith(_UNIX):
                connection.sock = _connected(bind.removeprefix(_UNIX))
            connection.request("GET", "/healthz")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False


def _check_socket_is_free(path: str) -> None:
    try:
        _connected(path).close()
    except FileNotFoundError as error:
        if not os.path.isdir(os.path.dirname(path)):
            raise CannotStart(f"There is no folder for the socket {path} (BIND).") from error
    except ConnectionRefusedError:
        pass  # Left behind by a server that was killed; the next one takes its place.
    except OSError as error:
        raise CannotStart(f"This machine cannot listen on {path} (BIND): {error.strerror or error}.") from error
    else:
        raise CannotStart(f"The socket {path} (BIND) is taken by another program.")


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ANSWER_SECONDS)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _why_not(error: OSError, *, bind: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {bind} is taken by another program. PORT names another port."
    if error.errno == errno.EACCES:
        return f"Port {port} is for root alone. PORT names another port, from 1024 on."
    return f"This machine cannot listen on {bind} (BIND), port {port} (PORT): {error.strerror}."
