"""Which policies hold for a request although no code names them: by the view's URL name, or by its path."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from limits.core.decisions import in_order
from limits.core.policies import Mode, Policy

PATHS_MAX = 4096
"""Paths of which a process remembers what matches; clients choose them, so there is an end."""


class Routes:
    """The policies of one snapshot that name a view or a path, found without looking at each."""

    def __init__(self, policies: Iterable[Policy], *, known: "Routes | None" = None) -> None:
        routed = in_order([p for p in policies if (p.view or p.path) and p.mode is not Mode.OFF])
        self._by_view: dict[str, list[Policy]] = defaultdict(list)
        self._by_start: dict[str, list[Policy]] = defaultdict(list)
        for policy in routed:
            if policy.view:
                self._by_view[policy.view].append(policy)
            else:
                self._by_start[_literal_start(policy.path)].append(policy)
        compiled = known._patterns if known else {}
        paths = {policy.path for policy in routed}
        self._patterns: dict[str, re.Pattern[str]] = {path: compiled[path] for path in paths & compiled.keys()}
        """Of the globs, those that a path came near: not each edit need compile thousands."""
        self._lengths = sorted({len(start) for start in self._by_start})
        self._of_path = lru_cache(maxsize=PATHS_MAX)(self._matching)
        self.are_none = not routed

    def policies(self, *, path: str, view: str, method: str) -> tuple[Policy, ...]:
        """Return those that hold for a request, by priority."""
        if self.are_none:
            return ()
        found = [*self._by_view.get(view, ()), *self._of_path(path)]
        return tuple(in_order([policy for policy in found if policy.covers(method)]))

    def _matching(self, path: str) -> tuple[Policy, ...]:
        near = (policy for length in self._lengths for policy in self._by_start.get(path[:length], ()))
        return tuple(policy for policy in near if self._pattern(policy.path).fullmatch(path))

    def _pattern(self, path: str) -> re.Pattern[str]:
        found = self._patterns.get(path)
        if found is None:
            found = self._patterns[path] = glob(path)
        return found


def glob(text: str) -> re.Pattern[str]:
    """Return what a glob matches: `*` anything within one part of a path, `**` any number of parts, `?` one sign."""
    translated = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*|\*|\?)", text)
    return re.compile("".join(translated.get(part) or re.escape(part) for part in parts), re.DOTALL)


def _literal_start(text: str) -> str:
    return re.split(r"[*?]", text, maxsplit=1)[0]
