"""`python -m portal.runner.prepare`: the database, the first admin, the static files.

Writes who the admin is, as one line of JSON; or why it fails, with exit code 1.
"""

import io
import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass

import django
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError

ADMIN_NAME = "admin"
ADMIN_EMAIL = "admin@localhost"


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin of the site; `password` is empty when it was set before and is not known."""

    name: str
    password: str


def main() -> int:
    """Prepare the site. Return an exit code."""
    try:
        django.setup()
        _quietly("migrate", interactive=False)
        _quietly("load_books")
        admin = first_admin()
        _quietly("check", databases=["default"])
        _quietly("collectstatic", interactive=False)
    except (DatabaseError, ImproperlyConfigured) as error:
        print(f"The database (DATABASE_URL) cannot be used: {error}")
        return 1
    except CommandError as error:
        print(error)
        return 1
    print(json.dumps(asdict(admin)))
    return 0


def first_admin() -> Admin:
    """Return the admin, made when there is none.

    Its password is PORTAL_ADMIN_PASSWORD, else a random one.
    """
    users = get_user_model()._default_manager
    known = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if known is not None:
        return Admin(known.get_username(), password="")
    password = os.environ.get("PORTAL_ADMIN_PASSWORD") or secrets.token_urlsafe(12)
    users.create_superuser(username=ADMIN_NAME, email=ADMIN_EMAIL, password=password)
    return Admin(ADMIN_NAME, password)


def _quietly(command: str, **options: object) -> None:
    call_command(command, verbosity=0, stdout=io.StringIO(), **options)


if __name__ == "__main__":
    sys.exit(main())
