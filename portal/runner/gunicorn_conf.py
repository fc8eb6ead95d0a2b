"""How `make run` serves the web: processes of four threads, which trust no client's headers."""

from typing import Any

from django.conf import settings

from portal.runner import address
from portal.runner.lifeline import die_with_parent

bind = address.place(settings.BIND, port=settings.PORT)
workers = settings.WEB_CONCURRENCY
worker_class = "gthread"
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


def post_fork(server: Any, worker: Any) -> None:
    """A worker ends with its master, however that one ends."""
    die_with_parent(parent=worker.ppid)
