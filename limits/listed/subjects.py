"""For whom the lines of a list are: each names its kind where that is no address and no network."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import IntegerField
from django.db.models.functions import Lower

from limits import subjects
from limits.core.overrides import Kind, OverrideError

_USER = f"{Kind.USER}="
_AT_ONCE = 2_000
_ID_DIGITS_MAX = 9


class ListedSubjects:
    """Finds the subjects that texts mean: 203.0.113.9, 198.51.100.0/24, user=alice, group=Partners, field:name=alice.

    Users are looked up together: one by one, thousands take half a minute.
    """

    def __init__(self, texts: Iterable[str], *, by_name: bool) -> None:
        self._by_name = by_name
        self._keys = {key.lower(): key for key in subjects.typed_keys()}
        named = (text.removeprefix(_USER) for text in texts if text.startswith(_USER))
        self._users = _users_named(named) if by_name else {}

    def of(self, text: str) -> str:
        """Return the subject that a text means. Raises OverrideError with what would be right."""
        tag, sign, words = text.partition("=")
        tag = tag.strip().lower()
        if sign and tag == Kind.USER:
            known = self._users.get(words.strip().lower())
            return known or subjects.subject_named(words, kind=Kind.USER, by_name=self._by_name)
        if sign and tag == Kind.GROUP:
            return subjects.subject_named(words, kind=Kind.GROUP)
        if sign and tag.startswith(("header:", "field:")):
            return subjects.subject_named(words, kind=Kind.VALUE, key=self._key(tag))
        try:
            return subjects.subject_named(text, kind=Kind.NETWORK if "/" in text else Kind.ADDRESS)
        except OverrideError as error:
            raise OverrideError(str(error) if sign or not text else f"{error} Users are written user=alice.") from None

    def _key(self, tag: str) -> str:
        if tag not in self._keys:
            raise OverrideError(f"No policy counts by {tag[:80]}.")
        return self._keys[tag]


def _users_named(words: Iterable[str]) -> dict[str, str]:
    """Return the subject of each user whom one name, mail address or id means, by that in small letters."""
    model = get_user_model()
    columns = {field.name for field in model._meta.fields} & {model.USERNAME_FIELD, model.get_email_field_name()}
    users: Any = model._default_manager
    found: dict[str, set[str]] = defaultdict(set)
    ahead = iter({word.strip().lower() for word in words})
    while asked := list(islice(ahead, _AT_ONCE)):
        for column in columns:
            for user in users.annotate(asked=Lower(column)).filter(asked__in=asked):
                found[user.asked].add(subjects.user_subject(user))
        for user in users.filter(pk__in=_ids(asked)):
            found.setdefault(str(user.pk), {subjects.user_subject(user)})
    return {word: meant.pop() for word, meant in found.items() if len(meant) == 1}


def _ids(words: Iterable[str]) -> list[str]:
    if not isinstance(get_user_model()._meta.pk, IntegerField):
        return []
    return [word for word in words if word.isascii() and word.isdecimal() and len(word) <= _ID_DIGITS_MAX]
