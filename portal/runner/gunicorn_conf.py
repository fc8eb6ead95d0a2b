"""How `make run` serves the web: processes of four threads, which trust no client's headers."""

import socket
import struct
from typing import Any

from django.conf import settings

from portal.runner import address
from portal.runner.lifeline import die_with_parent

bind = address.place(settings.BIND, port=settings.PORT)
workers = settings.WEB_CONCURRENCY
worker_class = "gthread"
STALLED_SECONDS = 10
threads = 4
timeout = 30
# Below the patience of `portal.runner.processes`.
graceful_timeout = 20
loglevel = "warning"
# Whose forwarded headers count is decided by TRUSTED_PROXIES, not here.
forwarded_allow_ips = ""
forwarder_headers = ""
# A Unix socket is for the web server in front, which shares our group.
umask = 0o117
# It would be written into the home folder.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """A connection that stalls within a request is given up: each holds one of few threads.

    Accepted sockets take this over from the one that listens; gunicorn itself waits for ever.
    """
    for listener in worker.sockets:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", STALLED_SECONDS, 0))


def post_fork(server: Any, worker: Any) -> None:
    """A worker ends with its master, however that one ends."""
    die_with_parent(parent=worker.ppid)


def child_exit(server: Any, worker: Any) -> None:
    """What a worker told of its state ends with it; what it counted stays."""
    # Not sooner: prometheus_client looks at the environment when it is imported, which settings have to set before.
    from limits import metrics

    metrics.forget_process(worker.pid)
