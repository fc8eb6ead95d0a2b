"""What somebody types to find a client: whether it names one, and which last refusals are about it.

What names none is told on the page: put into an address, it might be a secret that was typed in the wrong place.
"""

import re
from contextlib import suppress
from functools import reduce
from operator import or_

from django.db.models import Q

from limits import subjects
from limits.core.client_keys import ClientKey
from limits.core.overrides import Kind, OverrideError
from limits.identity import EVERYONE, UNKNOWN, client_named
from limits.models import Policy
from limits.typed_values import TYPED_KINDS, digest

_BY_ADDRESS = ClientKey("ip")
_JOINT = re.compile(r"\s+and\s+", re.IGNORECASE)
_ID_OR_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{20}", re.ASCII)


def wrong_with(typed: str, *, key: ClientKey, by_name: bool) -> str:
    """Return in words why `typed` names no client of a policy that counts by `key`; '' when it names one."""
    if key.kind == EVERYONE or _is_shown_so(typed, key):
        return ""
    if key.other is None:
        return _wrong_with_part(typed, key, by_name=by_name)
    if _is_address(typed):
        return ""
    words = _JOINT.split(typed, maxsplit=1)
    if len(words) < len(key.parts) or (key.kind == "ip" and not _is_address(words[0])):
        first, second = key.parts
        return f"Give both, {_called(first)} first: {_example(first)} and {_example(second)}."
    wrong = (_wrong_with_part(word, part, by_name=by_name) for word, part in zip(words, key.parts, strict=True))
    return next(filter(None, wrong), "")


def refusals_found_by(typed: str, *, by_name: bool) -> Q:
    """Return which last refusals are meant when somebody searches for an address, a user's id, or what was sent.

    It may be joined with something else, or stand in for it. With `by_name` users are found by name and mail address.
    """
    values = {typed, digest(typed), *_addresses(typed)}
    if by_name:
        with suppress(OverrideError):
            values.add(subjects.user_subject(subjects.user_named(typed)).partition("=")[2])
    return reduce(or_, map(_made_of, values - {""}), Q())


def _addresses(typed: str) -> set[str]:
    """Return an address as it is counted, an IPv6 one by the networks of all policies; what is none as it is."""
    prefixes = Policy.objects.order_by().values_list("ipv6_prefix", flat=True).distinct()
    return {client_named(typed, key=_BY_ADDRESS, ipv6_prefix=prefix) for prefix in prefixes}


def _made_of(value: str) -> Q:
    """Return which clients are this value, or have it as a part."""
    found = Q(client=value)
    for begins in ("=", "+", "=@", "+@"):
        found |= Q(client__endswith=f"{begins}{value}") | Q(client__contains=f"{begins}{value}+")
    return found


def _wrong_with_part(word: str, part: ClientKey, *, by_name: bool) -> str:
    if part.kind in TYPED_KINDS:
        return "" if digest(word) else f"Give what was sent as {part.name}."
    if _is_address(word):
        return ""
    if part.kind == "ip":
        return "That is not an address. Write it like 203.0.113.9 or 2001:db8::1."
    return _wrong_with_user(word, by_name=by_name)


def _wrong_with_user(word: str, *, by_name: bool) -> str:
    """Return why it is no user; an id is taken as it is, for whoever is gone may be counted still."""
    told = ""
    for may_look in (False, by_name):
        try:
            subjects.subject_named(word, kind=Kind.USER, by_name=may_look)
        except OverrideError as error:
            told = str(error)
        else:
            return ""
    return told


def _is_shown_so(typed: str, key: ClientKey) -> bool:
    """Say whether this is a client as the page shows it, such as `ip+field:username=203.0.113.9+4f0c…`."""
    tag, _, shown = typed.partition("=")
    values = shown.split("+")
    return (
        tag == str(key).replace(" and ", "+").replace(" ", "-")
        and len(values) == len(key.parts)
        and all(map(_is_value, values, key.parts))
    )


def _is_value(value: str, part: ClientKey) -> bool:
    if part.kind == "ip":
        return _is_address(value)
    pattern = _HASH if part.kind in TYPED_KINDS else _ID_OR_HASH
    return bool(pattern.fullmatch(value)) or (value.startswith("@") and _is_address(value[1:]))


def _is_address(word: str) -> bool:
    if word == UNKNOWN:
        return True
    try:
        subjects.subject_named(word, kind=Kind.ADDRESS)
    except OverrideError:
        return False
    return True


def _called(part: ClientKey) -> str:
    if part.kind in TYPED_KINDS:
        return f"what was sent as {part.name}"
    return "the address" if part.kind == "ip" else "the user"


def _example(part: ClientKey) -> str:
    return "203.0.113.9" if part.kind == "ip" else "alice"
