"""Where the web server listens, and what a client on this machine calls it."""

import errno
import http.client
import socket
from contextlib import closing

from portal.runner.refusals import CannotStart

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound to it here
_ANSWER_SECONDS = 1.0


def check_is_free(bind: str, *, port: int) -> None:
    """Raise CannotStart when nobody can listen there."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((bind, port))
            listener.listen()
        except OSError as error:
            raise CannotStart(_why_not(error, bind=bind, port=port)) from error


def bracketed(host: str) -> str:
    """Return a host as addresses write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def local_url(bind: str, *, port: int) -> str:
    """Return the plain HTTP address at which this machine reaches the web server."""
    return f"http://{bracketed(_EVERYWHERE.get(bind, bind))}:{port}"


def answers(bind: str, *, port: int) -> bool:
    """Return whether the web server answers that it is alive."""
    host = _EVERYWHERE.get(bind, bind)
    with closing(http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False


def _why_not(error: OSError, *, bind: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {bind} is taken by another program. PORT names another port."
    if error.errno == errno.EACCES:
        return f"Port {port} is for root alone. PORT names another port, from 1024 on."
    return f"This machine cannot listen on {bind} (BIND), port {port} (PORT): {error.strerror}."
