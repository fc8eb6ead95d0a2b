"""A letter by apprise: chats, pagers, webhooks. Its addresses are secrets, and so are the library's log lines."""

import logging
import re
import threading
from dataclasses import dataclass

import apprise

from portal.operations.watching.telling.letters import Letter, NotSent

TIMEOUT_SECONDS_MAX = 10
"""An address may name times of its own (`cto`, `rto`); 4 s each where it does not."""
_HEARD_CHARACTERS_MAX = 2000
_ANSWERED = re.compile(r"\berror=([1-5]\d\d)\b")
_KEY_FILES = ("keyfile", "subfile_specified", "pgp_key", "pgp_privkey")
"""What the library calls the files that an address names, where it does not take them as attachments."""
_NOT_REACHED = re.compile(r"\bconnection error\b", re.IGNORECASE)


class _Heard(threading.local):
    """What the library said in this thread."""

    said = ""


_heard = _Heard()


def _hear(record: logging.LogRecord) -> bool:
    """Take a line of the library for what it says of the reason. It holds addresses whole, so no handler gets it."""
    _heard.said = f"{_heard.said} {record.getMessage()}"[-_HEARD_CHARACTERS_MAX:]
    return False


_log = logging.getLogger("apprise")
_log.setLevel(logging.WARNING)
_log.addFilter(_hear)
# The path of a webhook is its secret; at DEBUG each request would be logged with it.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Service:
    """What an address of apprise leads to. `reads_more`: it has the library read a file of this machine, or a page."""

    name: str
    reads_more: bool = False


def service_at(address: str) -> Service | None:
    """Return which service an address leads to; None where the library cannot read it."""
    plugin = _plugin(address)
    if plugin is None:
        return None
    return Service(str(plugin.service_name or scheme_of(address)), reads_more=_reads_more(plugin))


def scheme_of(address: str) -> str:
    """Return what may be shown of an address, such as slack."""
    return address.partition(":")[0].lower()[:20]


def notify(letter: Letter) -> None:
    """Send a letter, and wait for the answer. Raises NotSent."""
    plugin = _plugin(letter.address)
    if plugin is None:
        raise NotSent("The address cannot be read: it is none that apprise knows.")
    service = apprise.Apprise(asset=plugin.asset)
    service.add(plugin)
    _heard.said = ""
    if not service.notify(title=letter.subject, body=letter.body, body_format=apprise.NotifyFormat.TEXT):
        raise NotSent(_words(_heard.said))


def _plugin(address: str) -> apprise.NotifyBase | None:
    # Without a limit of its own the library sends in this thread, not in its few shared ones, which may all hang.
    asset = apprise.AppriseAsset(app_id="Portal", service_timeout=0)
    plugin = apprise.Apprise.instantiate(address, asset=asset)
    if not isinstance(plugin, apprise.NotifyBase):
        return None
    plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, TIMEOUT_SECONDS_MAX)
    plugin.socket_read_timeout = min(plugin.socket_read_timeout, TIMEOUT_SECONDS_MAX)
    plugin.retry = 0
    if "overflow=" not in address:
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    return plugin


def _reads_more(plugin: apprise.NotifyBase) -> bool:
    attached = (value for value in vars(plugin).values() if isinstance(value, apprise.AppriseAttachment))
    return any(map(len, attached)) or any(getattr(plugin, name, None) for name in _KEY_FILES)


def _words(said: str) -> str:
    if answered := _ANSWERED.search(said):
        return f"It answered with the error {answered[1]}: is the address still right?"
    if _NOT_REACHED.search(said):
        return "It cannot be reached, or did not answer in time."
    return "It did not take the message: is the address still right?"
