"""The dead-man's ping: who is asked at DEADMAN_URL raises the alarm when no ping comes any more."""

import logging
import urllib.request
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit

from django.conf import settings

from portal.operations.watching.telling.sending import apart

logger = logging.getLogger("portal.alerts")

EVERY = timedelta(minutes=1)
LOGGED_EVERY = timedelta(hours=1)
TIMEOUT_SECONDS = 5.0
# A little early counts: who calls every 15 s must not come to 75.
_EARLY = timedelta(seconds=5)


@dataclass(slots=True)
class Deadman:
    """When this process pinged last, and when it last told that nobody answered."""

    pinged_at: datetime | None = None
    logged_at: datetime | None = None

    def ping(self, *, now: datetime) -> None:
        """Ping DEADMAN_URL, where it is set and was not pinged for a minute. Never raises; takes 6 s at most."""
        if not settings.DEADMAN_URL or _is_within(EVERY - _EARLY, of=self.pinged_at, now=now):
            return
        self.pinged_at = now
        if failure := _failure_of_ping(settings.DEADMAN_URL):
            self._log(failure, now=now)
        else:
            self.logged_at = None

    def _log(self, failure: str, *, now: datetime) -> None:
        if not _is_within(LOGGED_EVERY, of=self.logged_at, now=now):
            self.logged_at = now
            logger.error(
                "The ping of DEADMAN_URL, at %s, failed: %s.", urlsplit(settings.DEADMAN_URL).hostname, failure
            )


def ping(*, now: datetime) -> None:
    """Ping on behalf of this process."""
    _deadman.ping(now=now)


_deadman = Deadman()


def _is_within(span: timedelta, *, of: datetime | None, now: datetime) -> bool:
    # A clock that was set back begins anew.
    return of is not None and timedelta() <= now - of < span


def _failure_of_ping(url: str) -> str:
    """Return why nobody answered ('': somebody did). Names are looked up without a limit, so it is done apart."""
    try:
        apart(lambda: _get(url), name="pings DEADMAN_URL").result(timeout=TIMEOUT_SECONDS + 1)
    except HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, HTTPException, ValueError, NotInTime) as error:
        return type(error).__name__
    return ""


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):  # noqa: S310 - settings take http(s) alone
        pass
