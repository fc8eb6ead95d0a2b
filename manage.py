#!/usr/bin/env python
"""Django's command line for the portal. An error is one plain line on stderr, and exit code 1."""

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import CommandError, execute_from_command_line
        from django.db import Error as DatabaseError
    except ImportError:
        sys.exit("Django is not installed here. Run `make run`, or use .venv/bin/python manage.py")
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        sys.exit(f"The database cannot be used: {error}. See DATABASE_URL and PORTAL_VAR.")
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
