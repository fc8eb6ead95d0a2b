"""Which policies hold by a view's name or a path."""

import pytest
import redis
from django.test import Client

from limits import routes
from limits.core.policies import Mode, Policy
from limits.core.rates import Rate
from limits.routes import Routes, glob
from tests.limits import making


def found(*policies: Policy, path: str = "/", view: str = "", method: str = "GET") -> list[str]:
    return [policy.slug for policy in Routes(policies).policies(path=path, view=view, method=method)]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/shop/*", "/shop/books", True),
        ("/shop/*", "/shop/", True),
        ("/shop/*", "/shop/books/", False),
        ("/shop/*", "/shop/books/1", False),
        ("/shop/*", "/shop", False),
        ("/shop/*/", "/shop/books/", True),
        ("/shop/**", "/shop/", True),
        ("/shop/**", "/shop/books/1/", True),
        ("/shop/**", "/shop", False),
        ("/shop**", "/shop", True),
        ("/**/edit", "/a/b/edit", True),
        ("/**/edit", "/a/b/edit/", False),
        ("/shop/*", "/Shop/books", False),
        ("/a.b", "/a.b", True),
        ("/a.b", "/axb", False),
        ("/page-?", "/page-1", True),
        ("/page-?", "/page-/", False),
        ("/café/*", "/café/menu", True),
        ("/shop/*", "/shop/a\nb", True),
        ("/(a|b)[c]", "/(a|b)[c]", True),
    ],
)
def test_a_glob_matches(pattern: str, path: str, matches: bool) -> None:
    assert bool(glob(pattern).fullmatch(path)) is matches
    assert (found(making.policy("a", path=pattern), path=path) == ["a"]) is matches


def test_a_long_path_is_matched_quickly() -> None:
    assert glob("/**/*/**/x").fullmatch("/a" * 2000 + "/y") is None


def test_a_glob_is_compiled_when_a_path_comes_near_and_once_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(routes, "glob", lambda text: compiled.append(text) or glob(text))
    many = [making.policy(f"a-{number}", path=f"/shop/*/{number}") for number in range(5_000)]
    held = Routes([*many, making.policy("far", path="/far/**")])
    assert compiled == []
    for path in ("/shop/x/17", "/shop/y/17"):
        assert [policy.slug for policy in held.policies(path=path, view="", method="GET")] == ["a-17"]
    assert len(compiled) == 5_000
    edited = Routes([*many[:100], making.policy("new", path="/shop/*/new")], known=held)
    assert [policy.slug for policy in edited.policies(path="/shop/x/new", view="", method="GET")] == ["new"]
    assert compiled[5_000:] == ["/shop/*/new"]


def test_a_view_is_matched_by_its_full_name() -> None:
    policies = making.policy("a", view="login"), making.policy("b", view="admin:login")
    assert found(*policies, view="login") == ["a"]
    assert found(*policies, view="admin:login") == ["b"]
    assert found(*policies, view="") == []


def test_the_highest_priority_comes_first_then_the_name() -> None:
    policies = (
        making.policy("b", view="x"),
        making.policy("a", path="/**"),
        making.policy("z", path="/", priority=5),
        making.policy("y", view="x", priority=-1),
    )
    assert found(*policies, view="x") == ["z", "a", "b", "y"]


@pytest.mark.parametrize(("method", "slugs"), [("GET", ["a"]), ("HEAD", ["a"]), ("POST", []), ("BREW", [])])
def test_a_policy_holds_for_its_methods(method: str, slugs: list[str]) -> None:
    assert found(making.policy("a", path="/", methods=("GET",)), method=method) == slugs


def test_what_is_off_or_named_by_code_alone_is_no_route() -> None:
    assert Routes([making.policy("a", path="/", mode=Mode.OFF), making.policy("b")]).are_none
    assert not Routes([making.policy("a", path="/", mode=Mode.SHADOW)]).are_none


def test_of_many_policies_those_near_a_path_are_found() -> None:
    policies = [making.policy(f"p{number}", path=f"/shop/{number}/**") for number in range(1000)]
    assert found(*policies, path="/shop/77/x") == ["p77"]
    assert found(*policies, path="/elsewhere") == []


@pytest.mark.django_db
@pytest.mark.urls("tests.limits.views")
def test_a_path_for_everything_leaves_the_admin_and_the_probes_alone(client: Client, redis_server: redis.Redis) -> None:
    making.put_in_force(making.policy("all", Rate(1, 60), path="/**"))
    assert [client.get("/plain").status_code for _ in range(2)] == [200, 429]
    assert [client.get(path).status_code for path in ("/healthz", "/admin/login/", "/readyz")] == [200] * 3
