"""For whom the lines of a list are: each names its kind where that is no address and no network."""

import re
from collections.abc import Iterable
from functools import cache, partial

from limits import subjects
from limits.core.overrides import Kind, OverrideError

_SEVERAL_WORDS = re.compile(r"[\s,;]")


class ListedSubjects:
    """Finds the subjects that texts mean: 203.0.113.9, 198.51.100.0/24, user=alice, group=Partners, field:name=alice.

    `texts` are all that will be asked about: the users among them are looked up together.
    """

    def __init__(self, texts: Iterable[str], *, by_name: bool) -> None:
        self._by_name = by_name
        self._keys = subjects.typed_keys()
        names = (words for tag, words in map(_parted, texts) if tag == Kind.USER)
        self._users = subjects.users_named(names) if by_name else {}
        self._group = cache(partial(subjects.subject_named, kind=Kind.GROUP))

    def of(self, text: str) -> str:
        """Return the subject that a text means. Raises OverrideError with what would be right."""
        tag, words = _parted(text)
        if tag == Kind.USER:
            return self._user(words)
        if tag == Kind.GROUP:
            return self._group(words)
        if tag.startswith(("header:", "field:")):
            return subjects.subject_named(words, kind=Kind.VALUE, key=self._key(tag))
        try:
            return subjects.subject_named(text, kind=Kind.NETWORK if "/" in text else Kind.ADDRESS)
        except OverrideError as error:
            if _SEVERAL_WORDS.search(text.strip()):
                told = f"“{text.strip()[:80]}”: write one client a line, and nothing else on it."
                raise OverrideError(told) from None
            is_told = "=" in text or not text
            raise OverrideError(str(error) if is_told else f"{error} Users are written user=alice.") from None

    def _user(self, words: str) -> str:
        if not self._by_name:
            return subjects.subject_named(words, kind=Kind.USER, by_name=False)
        return subjects.user_subject(subjects.the_user(self._users[words], words=words))

    def _key(self, tag: str) -> str:
        """Return the header or field of a policy: the very one, or the only one that differs in case alone."""
        alike = [key for key in self._keys if key.lower() == tag.lower()]
        if tag in alike:
            return tag
        if not alike:
            raise OverrideError(f"No policy counts by {tag[:80]}.")
        if len(alike) > 1:
            raise OverrideError(f"Policies count by {' or '.join(alike)}: write the one that is meant.")
        return alike[0]


def _parted(text: str) -> tuple[str, str]:
    """Return the tag, its kind in small letters, and what stands behind it; a text without a tag is all words."""
    tag, sign, words = text.partition("=")
    if not sign:
        return "", text.strip()
    kind, colon, name = tag.partition(":")
    return f"{kind.strip().lower()}{colon}{name.strip()}", words.strip()
