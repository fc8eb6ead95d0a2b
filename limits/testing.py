"""For the tests of sites: `override_policy` changes a policy while a test runs."""

import threading
import unittest
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from dataclasses import fields, replace
from functools import wraps
from types import TracebackType
from typing import Any

from asgiref.sync import iscoroutinefunction

from limits.core.client_keys import ClientKey, parse_client_key
from limits.core.policies import METHODS, Algorithm, Counts, Mode, Policy, WithoutRedis
from limits.core.rates import Rate, format_rates, parse_rates
from limits.core.snapshots import EMPTY, Snapshot
from limits.in_force import PoliciesInForce, policies_in_force


class override_policy(ContextDecorator):  # noqa: N801 - reads as Django's override_settings
    """Put another form of a policy in force, in this process, until the end of the block, function or test class.

        @override_policy("login", rates="2/m")
        def test_the_third_login_is_refused(self): ...

        with override_policy("default", mode="off"): ...

    Fields are those of `limits.core.policies.Policy`, written as people write them: `rates="5/m, 20/h"`,
    `key="ip and field:username"`, `mode="shadow"`. What is not given stays as it is; a policy that is not there is made
    and needs `rates`. Neither the database nor Redis is asked or told. They nest; on a class it holds for every test.

    What was counted stays counted: begin a test with an empty counters' cache, or count with nothing but this process
    (`without_redis="count-here"`) where there is no Redis. Raises TypeError for a field that there is not, and
    ValueError for what it cannot be.
    """

    def __init__(self, slug: str, **changes: Any) -> None:
        known = {field.name for field in fields(Policy)} - {"slug"}
        if unknown := sorted(changes.keys() - known):
            raise TypeError(f"A policy has no {', '.join(unknown)}. It has {', '.join(sorted(known))}.")
        self._slug = slug
        self._changes = {name: _READ.get(name, _as_it_is)(value) for name, value in changes.items()}
        self._entered: list[Policy] = []

    def __enter__(self) -> Policy:
        """Return the policy that is now in force."""
        policy = self._changed()
        self._entered.append(policy)
        _replaced.add(policy)
        return policy

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _replaced.remove(self._entered.pop())

    def __call__(self, decorated: Any) -> Any:
        """Return the function, async function or test class, with the policy in force while it runs."""
        if isinstance(decorated, type):
            return self._on_class(decorated)
        return self._on_async(decorated) if iscoroutinefunction(decorated) else super().__call__(decorated)

    def _changed(self) -> Policy:
        found = policies_in_force.snapshot.policies.get(self._slug)
        if found is not None:
            return replace(found, **self._changes)
        made: dict[str, Any] = {"title": self._slug, "key": ClientKey("ip")} | self._changes
        if made.get("mode") is Mode.OFF:
            made.setdefault("rates", (Rate(1, 60),))
        if "rates" not in made:
            raise ValueError(f"“{self._slug}” is not in force in this process: to make it, give its rates.")
        return Policy(slug=self._slug, **made)

    def _on_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return within

    def _on_class(self, cls: Any) -> Any:
        if issubclass(cls, unittest.TestCase):
            self._on_test_case(cls)
        else:
            for name, value in list(vars(cls).items()):
                if name.startswith("test") and callable(value):
                    setattr(cls, name, self(value))
        return cls

    def _on_test_case(self, cls: Any) -> None:
        set_up_class = cls.setUpClass.__func__

        def set_up_within(inner_cls: Any) -> None:
            inner_cls.enterClassContext(self)
            set_up_class(inner_cls)

        cls.setUpClass = classmethod(set_up_within)


class _Replaced:
    """The policies that stand in place of others, the latest first, whatever comes from Redis meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._policies: list[Policy] = []
        self._beneath: Snapshot = EMPTY

    def add(self, policy: Policy) -> None:
        """Put a policy in force above all others."""
        with self._lock:
            if not self._policies:
                self._beneath = policies_in_force.snapshot
                policies_in_force.take = self.take  # type: ignore[method-assign]
            self._policies.append(policy)
            self.take(self._beneath)

    def remove(self, policy: Policy) -> None:
        """Put what stood beneath it in force again."""
        with self._lock:
            self._policies = [held for held in self._policies if held is not policy]
            self.take(self._beneath)
            if not self._policies:
                del policies_in_force.take

    def take(self, snapshot: Snapshot) -> None:
        """Stand for `PoliciesInForce.take`: the snapshot, and the replaced policies above it."""
        with self._lock:
            self._beneath = snapshot
            above = {policy.slug: policy for policy in self._policies}
            PoliciesInForce.take(policies_in_force, replace(snapshot, policies={**snapshot.policies, **above}))


def _rates(given: str | tuple[Rate, ...]) -> tuple[Rate, ...]:
    return parse_rates(given if isinstance(given, str) else format_rates(given))


def _key(given: str | ClientKey) -> ClientKey:
    return given if isinstance(given, ClientKey) else parse_client_key(given)


def _methods(given: str | Iterable[str]) -> tuple[str, ...]:
    names = tuple(given.split() if isinstance(given, str) else given)
    if unknown := set(names) - set(METHODS):
        raise ValueError(f"Not a method: {', '.join(sorted(unknown))}.")
    return names


def _as_it_is(given: Any) -> Any:
    return given


_READ: dict[str, Callable[[Any], Any]] = {
    "rates": _rates,
    "key": _key,
    "methods": _methods,
    "mode": Mode,
    "algorithm": Algorithm,
    "counts": Counts,
    "without_redis": WithoutRedis,
}
_replaced = _Replaced()
