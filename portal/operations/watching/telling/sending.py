"""Sending a letter in a thread of its own, whose end nobody needs to wait for: a server may never answer."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from portal.operations.models import Channel
from portal.operations.watching.telling.letters import Letter, NotSent
from portal.operations.watching.telling.mailing import send_mail
from portal.operations.watching.telling.notifying import notify

logger = logging.getLogger("portal.alerts")

SECONDS_MAX = 45.0
"""After so long a sending counts as failed, whatever its own timeouts say: a server may trickle, a name not resolve."""
NO_ANSWER = f"It did not come to an end within {SECONDS_MAX:.0f} s."


def send(letter: Letter) -> None:
    """Send a letter. Raises NotSent, and nothing else."""
    try:
        if letter.kind == Channel.Kind.MAIL:
            send_mail(letter)
        else:
            notify(letter)
    except NotSent:
        raise
    except Exception as error:
        # Not the error itself: who knows what of the address it holds.
        logger.error("A message was not sent by %s: %s.", letter.kind, type(error).__name__)
        raise NotSent(f"It ended in an error that nobody foresaw ({type(error).__name__}).") from None


def apart(work: Callable[[], None], *, name: str) -> "Future[None]":
    """Begin work in a thread that does not keep the process from ending; return its outcome to come."""
    outcome: Future[None] = Future()

    def do() -> None:
        try:
            work()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=do, name=name, daemon=True).start()
    return outcome


def failure_of(outcome: "Future[None]") -> str:
    """Return '' for a letter that was sent, and why it was not for another; NO_ANSWER while it is under way."""
    if not outcome.done():
        return NO_ANSWER
    error = outcome.exception()
    return str(error) if error else ""
