"""Who is counted, as a value: an address, a user, what a client typed, everyone, or two of them joined."""

import re
from dataclasses import dataclass

_PLAIN_KINDS = ("ip", "user", "user or ip", "everyone")
_NAMED_KINDS = ("header", "field")
_ORDER = (*_PLAIN_KINDS, *_NAMED_KINDS)
_NAMED = re.compile(r"(header|field):([A-Za-z0-9][A-Za-z0-9_.\-\[\]]{0,63})", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_JOINT = re.compile(r"\s+and\s+|\s*\+\s*", re.IGNORECASE)
_RIGHT = "Use ip, user, user or ip, header:NAME, field:NAME, everyone, or two joined by “and”: ip and field:username."


class ClientKeyError(ValueError):
    """A text that names nobody to count; the message says what would."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """Who is counted: `kind` is ip, user, user or ip, header, field or everyone; `name` that of the header or field.

    With `other`, each pair of the two is counted apart.
    """

    kind: str
    name: str = ""
    other: "ClientKey | None" = None

    @property
    def parts(self) -> "tuple[ClientKey, ...]":
        """The one key or the two joined, each by itself."""
        return (self,) if self.other is None else (ClientKey(self.kind, self.name), self.other)

    def __str__(self) -> str:
        own = f"{self.kind}:{self.name}" if self.name else self.kind
        return own if self.other is None else f"{own} and {self.other}"


def parse_client_key(text: str) -> ClientKey:
    """Return who `text` counts; of two the order does not matter. Raise ClientKeyError with what would be right."""
    parts = sorted(map(_parse_part, _JOINT.split(text.strip())), key=lambda part: (_ORDER.index(part.kind), part.name))
    if len(parts) == 1:
        return parts[0]
    if len(parts) > 2:
        raise ClientKeyError("Two can be joined, not more: ip and field:username.")
    first, second = parts
    if "everyone" in (first.kind, second.kind):
        raise ClientKeyError("“everyone” stands alone: joined with another it would change nothing.")
    if first == second or (first.kind, second.kind) == ("user", "user or ip"):
        raise ClientKeyError(f"“{first}” and “{second}” count the same. Join two that differ: ip and field:username.")
    return ClientKey(first.kind, first.name, second)


def _parse_part(text: str) -> ClientKey:
    words = " ".join(re.sub("[_-]", " ", text).lower().split())
    if words in _PLAIN_KINDS:
        return ClientKey(words)
    kind, _, name = text.partition(":")
    match = _NAMED.fullmatch(f"{kind.strip().lower()}:{name.strip()}")
    if match is None:
        raise ClientKeyError(_RIGHT)
    kind, name = match[1], match[2]
    if kind == "field":
        return ClientKey(kind, name)
    if not _HEADER_NAME.fullmatch(name):
        raise ClientKeyError("A header's name has letters, digits and dashes only: header:X-Api-Key.")
    return ClientKey(kind, name.title())
