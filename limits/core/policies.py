"""Policies as frozen values: what is limited, who is counted, and how much."""

import re
from dataclasses import dataclass

from limits.core.rates import Rate

SLUG_PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_NAMED_KEY = re.compile(r"(header|field):([A-Za-z0-9][A-Za-z0-9_.\-\[\]]{0,63})", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_PLAIN_KEYS = ("ip", "user", "user or ip")


class ClientKeyError(ValueError):
    """A text that names nobody to count; the message says what would."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """Who is counted: `kind` is ip, user, user or ip, header or field; `name` that of the header or field."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit by name. No methods means all of them; rates come longest window first."""

    slug: str
    title: str
    enabled: bool
    key: ClientKey
    methods: tuple[str, ...]
    rates: tuple[Rate, ...]

    def covers(self, method: str) -> bool:
        """Say whether a request of this method is looked at; HEAD is a GET without its body."""
        asked = "GET" if method == "HEAD" else method
        return self.enabled and (not self.methods or asked in self.methods)


def parse_client_key(text: str) -> ClientKey:
    """Return who `text` counts. Raise ClientKeyError with what would be right."""
    words = " ".join(text.replace("_", " ").lower().split())
    if words in _PLAIN_KEYS:
        return ClientKey(words)
    match = _NAMED_KEY.fullmatch(re.sub(r"\s*:\s*", ":", text.strip(), count=1))
    if match is None:
        raise ClientKeyError("Use ip, user, user or ip, header:NAME or field:NAME.")
    kind, name = match[1], match[2]
    if kind == "header" and not _HEADER_NAME.fullmatch(name):
        raise ClientKeyError("A header's name has letters, digits and dashes only: header:X-Api-Key.")
    return ClientKey(kind, name.title() if kind == "header" else name)
