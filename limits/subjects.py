"""Subjects of overrides between people's words and the names under which they are kept.

`by_name=False` is for people who may not know who has an account: for them users are ids, none is looked up, and the
answer is the same whether there is one or not.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import islice, takewhile
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.functions import Lower
from django.db.models.lookups import In

from limits import identity
from limits.core.client_keys import ClientKey, parse_client_key
from limits.core.overrides import Kind, OverrideError, kind_of, networks_around, read_subject
from limits.models import Override, Policy

_BY_ADDRESS, _BY_USER = ClientKey("ip"), ClientKey("user")
_USER = f"{Kind.USER}="
_USERS_AT_ONCE = 2_000
_PLACES = (Kind.ADDRESS, Kind.NETWORK)
_BEGINS_A_PLACE = re.compile(r"[0-9.]+|[0-9a-f:]+", re.ASCII | re.IGNORECASE)
PLACES_MAX = 10_000
"""So many addresses and networks, where their names alone do not tell, are looked at for those within a network."""

_IN_WORDS = {Kind.ADDRESS: "an address", Kind.NETWORK: "a network", Kind.VALUE: "what a client sends"}


def subject_named(text: str, *, kind: Kind, key: str = "", by_name: bool = True) -> str:
    """Return the subject that a person means by `text`. `key`: which header or field, of what a client sends.

    Raises OverrideError with what would be right.
    """
    words = text.strip()
    if kind is Kind.VALUE:
        return _value(words, key)
    if kind is Kind.USER:
        return user_subject(user_named(words)) if by_name else _user_of_id(words)
    if kind is Kind.GROUP:
        return _group_named(words)
    if kind is Kind.NETWORK and "/" not in words:
        raise OverrideError("Write a network with its length: 198.51.100.0/24. 198.51.100.7/32 is a single address.")
    if kind is Kind.ADDRESS and "/" in words:
        raise OverrideError("That is a network, not one address. Write it like 203.0.113.9, or choose “A network”.")
    named = identity.client_named(words, key=_BY_ADDRESS, ipv6_prefix=128) if kind is Kind.ADDRESS else words
    if kind_of(named) is not kind:
        raise OverrideError(f"“{words[:80]}” is not {_IN_WORDS[kind]}.")
    return read_subject(named)


def subject_filled_in(text: str, *, kind: Kind, key: str = "", by_name: bool = True) -> str:
    """Return what `subject_named` does, but of `user=17`, which links fill in, the user with that id.

    Whoever has the id for a name is never meant, not even once the user is gone. Raises OverrideError.
    """
    words = text.strip()
    if kind is not Kind.USER or not words.startswith(_USER):
        return subject_named(text, kind=kind, key=key, by_name=by_name)
    number = words.removeprefix(_USER)
    subject = _user_of_id(number)
    if by_name and not user_names([number]):
        raise OverrideError(f"There is no user with the id {number[:80]}.")
    return subject


def user_subject(user: Any) -> str:
    """Return the subject that a user is."""
    return identity.client_named(str(user.pk), key=_BY_USER)


def subjects_of_address(text: str) -> list[str]:
    """Return an address and every network that it is in. Raises OverrideError."""
    subject = subject_named(text, kind=Kind.ADDRESS)
    return [subject, *networks_around(ip_address(subject))]


def subjects_of_user(text: str) -> list[str]:
    """Return a user, by name, mail address or id, and the groups. Raises OverrideError when there is none."""
    user = user_named(text.strip())
    groups = user.groups.values_list("pk", flat=True) if hasattr(user, "groups") else ()
    return [user_subject(user), *(f"group={pk}" for pk in groups)]


def subjects_found_by(text: str, *, by_name: bool = True) -> Q:
    """Return which overrides are meant when somebody searches for `text`: an address, a user, a group, what is sent.

    Half an address means those that begin so, a network all that are within it.
    """
    words = text.strip()
    exact = [words]
    for find in (
        subjects_of_address,
        subjects_of_user if by_name else lambda name: [_user_of_id(name)],
        lambda name: [_group_named(name)],
        lambda name: [read_subject(name)],
    ):
        try:
            exact += find(words)
        except OverrideError:
            continue
    digest = identity.client_named(words, key=ClientKey("header", "X")).partition("=")[2]
    found = Q(subject__in=exact) | Q(reason__icontains=words) | _places_found_by(words)
    return found | Q(kind=Kind.VALUE, subject__endswith=f"={digest}") if digest else found


def _places_found_by(words: str) -> Q:
    if "/" in words:
        try:
            return _within(ip_network(words, strict=False))
        except ValueError:
            return Q()
    if not _BEGINS_A_PLACE.fullmatch(words) or _is_whole(words):
        return Q()
    return Q(kind__in=_PLACES, subject__startswith=words.lower())


def _is_whole(words: str) -> bool:
    """Say whether this is all of an address. 2001:db8:: is one, and more often half of another."""
    try:
        return not words.endswith(":") and bool(ip_address(words))
    except ValueError:
        return False


def _within(network: IPv4Network | IPv6Network) -> Q:
    """Return which addresses and networks are within a network."""
    sign, bits = (".", 8) if network.version == 4 else (":", 16)
    whole = min(network.prefixlen // bits, network.max_prefixlen // bits - 1)
    begins = _groups_at_the_beginning(network)[:whole]
    near = Q(subject__contains=sign, subject__startswith="".join(f"{group}{sign}" for group in begins))
    if len(begins) * bits == network.prefixlen:
        named, doubtful = near & Q(kind=Kind.ADDRESS), near & Q(kind=Kind.NETWORK)
    else:
        named, doubtful = Q(pk__in=()), near & Q(kind__in=_PLACES)
    places = Override.objects.filter(doubtful).order_by().values_list("subject", flat=True).distinct()
    return named | Q(subject__in=[place for place in places[:PLACES_MAX] if _is_within(place, network)])


def _groups_at_the_beginning(network: IPv4Network | IPv6Network) -> list[str]:
    """Return how the names of all that is within begin. A 0 of IPv6 may be left out of a name, with those after it."""
    if network.version == 4:
        return str(network.network_address).split(".")
    groups = (f"{int(group, 16):x}" for group in network.network_address.exploded.split(":"))
    return list(takewhile(lambda group: group != "0", groups))


def _is_within(place: str, network: IPv4Network | IPv6Network) -> bool:
    other: Any = ip_network(place)
    return other.version == network.version and bool(other.subnet_of(network))


def typed_keys() -> list[str]:
    """Return each header and field that any policy counts by, such as `header:X-Api-Key`."""
    keys = Policy.objects.values_list("key", flat=True)
    return sorted({str(part) for key in keys for part in key.parts if part.kind in ("header", "field")})


def in_words(subjects: Sequence[str], *, by_name: bool = True) -> dict[str, str]:
    """Return how to show each subject to people: groups, and users, by their names."""
    ids = _ids(subjects, _USER)
    users = {number: f"{number}, who is gone" for number in ids} | user_names(ids) if by_name else {}
    groups = _names(Group.objects, _ids(subjects, "group="))
    return {subject: _in_words(subject, users=users, groups=groups) for subject in subjects}


def user_names(ids: Iterable[str]) -> dict[str, str]:
    """Return the name of each user by the id, as far as there are such users."""
    return _names(get_user_model()._default_manager, ids)


def user_named(words: str) -> Any:
    """Return the user whom a name, a mail address or an id means. Raises OverrideError when it is none, or several."""
    return the_user(users_named([words])[words], words=words)


def the_user(found: Sequence[Any], *, words: str) -> Any:
    """Return the one user who goes by these words, of all who do. Raises OverrideError when it is none, or several."""
    if not found:
        raise OverrideError(f"There is no user “{words[:80]}”. Give a name, a mail address, or an id.")
    if len(found) > 1:
        raise OverrideError(
            f"Several users go by “{words[:80]}”: by name, by mail address or by id. Give another of these."
        )
    return found[0]


def users_named(words: Iterable[str]) -> dict[str, list[Any]]:
    """Return, by each of these words, every user who goes by it: by name or mail address in any case, or by id.

    They are looked up together: one by one, thousands take half a minute.
    """
    plain = {word: word.strip().lower() for word in words}
    known: dict[str, dict[Any, Any]] = defaultdict(dict)
    ahead = iter({word.strip() for word in plain} - {""})
    while asked := list(islice(ahead, _USERS_AT_ONCE)):
        for user in _users_near(asked):
            for name in _goes_by(user):
                known[name][user.pk] = user
    return {word: list(known.get(name, {}).values()) for word, name in plain.items()}


def _users_near(words: Sequence[str]) -> Iterable[Any]:
    """Return all users who go by these words, and a few more: databases differ in which letters they take for others.

    Some make no small letters of any but a to z, so that a name is looked for as it is typed, too.
    """
    model = get_user_model()
    near = Q(pk__in=[word for word in words if _is_id(model._meta.pk, word)])
    for column in _name_columns():
        near |= Q(**{f"{column}__in": words}) | Q(In(Lower(column), [word.lower() for word in words]))
    return model._default_manager.filter(near)


def _goes_by(user: Any) -> set[str]:
    names = (user.pk, *(getattr(user, column) for column in _name_columns()))
    return {str(name).lower() for name in names if name}


def _name_columns() -> set[str]:
    model = get_user_model()
    return {field.name for field in model._meta.fields} & {model.USERNAME_FIELD, model.get_email_field_name()}


def _in_words(subject: str, *, users: dict[str, str], groups: dict[str, str]) -> str:
    kind, number = kind_of(subject), subject.partition("=")[2]
    if kind is Kind.USER:
        return f"User {users.get(number, number)}"
    if kind is Kind.GROUP:
        return f"Group {groups.get(number, f'{number}, which is gone')}"
    if kind is Kind.VALUE:
        tag, name = subject.partition("=")[0].split(":", 1)
        return f"{tag.title()} {name}, {number[:8]}…"
    return subject


def _names(manager: Any, ids: Iterable[str]) -> dict[str, str]:
    pk = manager.model._meta.pk
    numbers = [number for number in ids if _is_id(pk, number)]
    rows = manager.filter(pk__in=numbers) if numbers else ()
    return {str(row.pk): str(row) for row in rows}


def _is_id(field: Any, number: str) -> bool:
    """Say whether it can be an id, written as ids are: 7 can, 07 and ٧ can not.

    A number too large for its column can not either, and some databases choke on it.
    """
    try:
        value = field.to_python(number)
        field.run_validators(value)
    except ValidationError:
        return False
    return str(value).lower() == number.lower()


def _ids(subjects: Iterable[str], start: str) -> list[str]:
    return [subject.removeprefix(start) for subject in subjects if subject.startswith(start)]


def _user_of_id(words: str) -> str:
    if not _is_id(get_user_model()._meta.pk, words):
        raise OverrideError("Give the user's id: finding users by name takes the right to view users.")
    return identity.client_named(words, key=_BY_USER)


def _group_named(words: str) -> str:
    group = Group.objects.filter(name__iexact=words).first()
    if group is None:
        raise OverrideError(f"There is no group “{words[:80]}”.")
    return f"group={group.pk}"


def _value(words: str, key: str) -> str:
    if not key:
        raise OverrideError("Choose which header or field the client sends it in.")
    subject = identity.client_named(words, key=parse_client_key(key))
    if subject.endswith("="):
        raise OverrideError("Give what the client sends.")
    return read_subject(subject)
