"""What a web process does before its first request."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

import limits


def start() -> None:
    """Refuse wrong settings, and take the policies in force. Raises ImproperlyConfigured."""
    if settings.ENVIRONMENT.problems:
        raise ImproperlyConfigured("\n".join(map(str, settings.ENVIRONMENT.problems)))
    limits.start()
    # Requests have connections of their own, one a thread.
    connection.close()
