"""The seal of a document in the storage: this site wrote it, and nobody changed it since.

Whoever may write into the storage can change a file and its digest together; what he cannot do without SECRET_KEY is
the HMAC-SHA256 of the document. It stands in it as the last field, and holds for one place in the storage alone.
"""

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "portal.operations.backups.keeping.seal"
_FIELD = b',\n "seal": "'
_END = b'"\n}\n'
_OPEN_END = b"\n}\n"


def sealed(document: bytes, *, place: str) -> bytes:
    """Return a JSON object, as `msgspec.json.format` indents it by one, with its seal for a place."""
    return document.removesuffix(_OPEN_END) + _FIELD + _seal(document, place=place, key=settings.SECRET_KEY) + _END


def is_sealed(document: bytes, *, place: str) -> bool:
    """Say whether a document was sealed for a place with the SECRET_KEY of today, or one of SECRET_KEY_FALLBACKS."""
    content, _, told = document.rpartition(_FIELD)
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    right = [_seal(content + _OPEN_END, place=place, key=key) + _END for key in keys]
    return any(constant_time_compare(told, seal) for seal in right)


def _seal(document: bytes, *, place: str, key: str | bytes) -> bytes:
    return salted_hmac(f"{_SALT} {place}", document, secret=key, algorithm="sha256").hexdigest().encode()
