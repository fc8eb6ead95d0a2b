"""What an address and a user name may look like."""

import re

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

_PLAIN = re.compile(r"[\w.!#$%&'*+/=?^`{|}~@-]+", re.ASCII)
_validate_address = EmailValidator("With an @ this must be a whole e-mail address.")
_validate_name = UnicodeUsernameValidator()


def validate_plain_address(address: str) -> None:
    """Refuses an address with quotation marks, brackets, spaces or letters beyond ASCII.

    Django's own check takes quoted local parts. The queue of mail separates recipients by commas,
    so a quoted comma would smuggle a second recipient in. Letters beyond ASCII can look like
    others, and MariaDB compares some of them as equal.
    """
    if not _PLAIN.fullmatch(address):
        raise ValidationError(
            "Write the address in plain letters, without quotation marks, brackets or accents.",
            code="not_plain",
        )


def validate_username(username: str) -> None:
    """Take a plain name or an e-mail address; raise ValidationError for anything else."""
    if "@" in username:
        _validate_address(username)
        validate_plain_address(username)
    else:
        _validate_name(username)
