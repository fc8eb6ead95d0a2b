"""Who may import whom. Every import counts: within functions, and those for type checkers only, too."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

Sources = Mapping[str, str]
"""The text of each module by its name."""

HOT_PATH = (
    "limits.answers",
    "limits.breaker",
    "limits.cache",
    "limits.charged",
    "limits.conf",
    "limits.decorators",
    "limits.enforcement",
    "limits.hits",
    "limits.identity",
    "limits.in_force",
    "limits.keeper",
    "limits.last_good",
    "limits.last_good_overrides",
    "limits.metrics",
    "limits.middleware",
    "limits.override_lines",
    "limits.overrides_in_force",
    "limits.pending",
    "limits.ratelimit_hooks",
    "limits.readable_key",
    "limits.refusals",
    "limits.routes",
    "limits.store",
    "limits.tallies",
    "limits.typed_values",
    "limits.views_in_code",
    "limits.without_redis",
)
DATABASE_SIDE = (
    "limits.admin",
    "limits.management",
    "limits.models",
    "limits.services",
    "limits.startup",
    "limits.sync",
    "limits.sync_overrides",
    "limits.tasks",
)
REDIS = ("redis", "django_redis")
WRITES = ("save", "create", "get_or_create", "update_or_create", "update", "delete", "bulk_create", "bulk_update")


@dataclass(frozen=True)
class Rule:
    """What modules of `who` import: `never` these, or `only` these. `reached`: not through others of ours either."""

    who: tuple[str, ...]
    never: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    but_for: tuple[str, ...] = ()
    reached: bool = False


BACKUPS = "portal.operations.backups"
WATCHING = "portal.operations.watching"
MODELS = ("portal.operations.models", "django.db")
JOBS = ("portal.operations.runs", "portal.operations.models", "portal.operations.long", "django.db")

RULES = {
    "the core knows the standard library alone": Rule(
        ("limits.core",), only=("limits.core", *sorted(sys.stdlib_module_names))
    ),
    "limits could be dropped into any project": Rule(("limits",), never=("portal", "tests", "bench")),
    "the hot path knows no database": Rule(HOT_PATH, never=DATABASE_SIDE, reached=True),
    "models know no Redis": Rule(
        ("limits.models", "limits.fields"),
        never=("limits.store", "limits.cache", "limits.sync", "limits.services", "django.core.cache", *REDIS),
        reached=True,
    ),
    "admin and commands know no Redis": Rule(
        ("limits.admin", "limits.management", "limits.services", "limits.sync", "limits.tasks"),
        never=("django.core.cache", *REDIS),
    ),
    "one module talks to Redis": Rule(("limits",), never=("redis",), but_for=("limits.store.*", "limits.cluster")),
    "one module is a cache of django-redis": Rule(
        ("limits",), never=("django_redis",), but_for=("limits.cache", "limits.cluster")
    ),
    "the dump format knows neither Django nor Redis": Rule(
        (f"{BACKUPS}.rdb",), only=(f"{BACKUPS}.rdb", f"{BACKUPS}.manifest", "anycrc", *sorted(sys.stdlib_module_names))
    ),
    "taking a backup knows nothing of what becomes of it": Rule(
        (f"{BACKUPS}.taking",), never=tuple(f"{BACKUPS}.{room}" for room in ("keeping", "proving", "restoring")) + JOBS
    ),
    "keeping a backup knows nothing of how it came": Rule(
        (f"{BACKUPS}.keeping",), never=tuple(f"{BACKUPS}.{room}" for room in ("taking", "proving", "restoring")) + JOBS
    ),
    "proving a backup knows nothing of where it lies": Rule(
        (f"{BACKUPS}.proving",), never=tuple(f"{BACKUPS}.{room}" for room in ("taking", "keeping", "restoring")) + JOBS
    ),
    "restoring a file knows nothing of where it lies": Rule(
        (f"{BACKUPS}.restoring",), never=(f"{BACKUPS}.taking", f"{BACKUPS}.keeping.shelf", *JOBS)
    ),
    "looking at Redis knows no database": Rule(
        (f"{WATCHING}.reading", f"{WATCHING}.readings"), never=(*MODELS, f"{WATCHING}.samples", f"{WATCHING}.alerts")
    ),
    "samples, alerts and telling ask Redis nothing": Rule(
        (f"{WATCHING}.samples", f"{WATCHING}.alerts", f"{WATCHING}.telling", f"{WATCHING}.metrics"),
        never=(f"{WATCHING}.reading", "django.core.cache", *REDIS),
    ),
    "the states of alerts, and what is told of them, are plain Python": Rule(
        (f"{WATCHING}.alerts.states", f"{WATCHING}.alerts.telling_rules"),
        only=(f"{WATCHING}.alerts.states", *sorted(sys.stdlib_module_names)),
    ),
    "telling knows nothing of what it tells": Rule(
        (f"{WATCHING}.telling",), never=tuple(f"{WATCHING}.{room}" for room in ("reading", "samples", "alerts"))
    ),
    "looking into a server knows neither pages nor rows": Rule(
        ("portal.operations.inspecting",), never=(*MODELS, "django.http", "portal.operations.admin")
    ),
    "plots and verdicts know no page": Rule(("portal.operations.dashboard",), never=("portal.operations.admin",)),
    "watching knows no page": Rule((WATCHING,), never=("portal.operations.admin",), reached=True),
    "backups, ACL and checklist know no page": Rule(
        (BACKUPS, "portal.operations.acl", "portal.operations.checklist"), never=("portal.operations.admin",)
    ),
    "who may do what in Redis is plain Python": Rule(
        ("portal.operations.acl.users", "portal.operations.acl.commands"),
        only=("portal.operations.acl", f"{BACKUPS}.versions", "portal.redis_address", *sorted(sys.stdlib_module_names)),
    ),
    "no import is hidden in a text": Rule(
        ("limits", "portal"), never=("importlib.import_module", "importlib.__import__"), but_for=("limits",)
    ),
}


@pytest.fixture(scope="module")
def sources(root: Path) -> Sources:
    """Every module of ours."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
        for package in ("limits", "portal")
        for path in sorted((root / package).rglob("*.py"))
    }


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, sources: Sources) -> None:
    assert list(broken(RULES[name], sources)) == []


def test_only_services_write_policies(sources: Sources) -> None:
    assert list(writes(sources)) == []


def test_imports_are_absolute(sources: Sources) -> None:
    relative = {module for module, source in sources.items() for name in imports(source) if name.startswith(".")}
    assert relative == set()


def test_every_module_that_a_rule_names_is_there(sources: Sources) -> None:
    named = {name.removesuffix(".*") for rule in RULES.values() for name in (*rule.who, *rule.but_for)}
    named |= set(DATABASE_SIDE)
    assert named - sources.keys() <= {"limits.cluster"}


@pytest.mark.parametrize(
    ("name", "module", "line"),
    [
        ("the core knows the standard library alone", "limits.core.rates", "import django"),
        ("the core knows the standard library alone", "limits.core.rates", "from limits.conf import conf"),
        ("the core knows the standard library alone", "limits.core.rates", "from limits import check"),
        ("limits could be dropped into any project", "limits.conf", "from portal import settings"),
        ("limits could be dropped into any project", "limits.admin.forms", "import portal.settings as s"),
        ("the hot path knows no database", "limits.identity", "from limits.models import Policy"),
        ("the hot path knows no database", "limits.identity", "from limits import models"),
        ("the hot path knows no database", "limits.identity", "from limits import start"),
        ("the hot path knows no database", "limits.exceptions", "import limits.services"),
        ("the hot path knows no database", "limits.core.keys", "from limits.sync import reconcile"),
        ("the hot path knows no database", "limits.store.counters", "def f():\n    from limits import sync"),
        ("models know no Redis", "limits.models.policies", "from limits import store"),
        ("models know no Redis", "limits.fields", "from django.core.cache import cache"),
        ("models know no Redis", "limits.models", "from limits.identity import client_of\nimport limits.in_force"),
        ("admin and commands know no Redis", "limits.admin.policies", "import redis"),
        ("admin and commands know no Redis", "limits.management.commands.limits", "from django.core import cache"),
        ("one module talks to Redis", "limits.cache", "from redis.exceptions import RedisError"),
        ("one module is a cache of django-redis", "limits.store.live", "import django_redis"),
        ("the dump format knows neither Django nor Redis", f"{BACKUPS}.rdb.walk", "import redis"),
        ("taking a backup knows nothing of what becomes of it", f"{BACKUPS}.taking.wire", f"import {BACKUPS}.keeping"),
        ("keeping a backup knows nothing of how it came", f"{BACKUPS}.keeping.shelf", f"import {BACKUPS}.taking.wire"),
        ("proving a backup knows nothing of where it lies", f"{BACKUPS}.proving.prove", "from django.db import models"),
        ("restoring a file knows nothing of where it lies", f"{BACKUPS}.restoring.load", f"import {BACKUPS}.taking"),
        ("looking at Redis knows no database", f"{WATCHING}.reading.looking", "from django.db import connection"),
        ("samples, alerts and telling ask Redis nothing", f"{WATCHING}.alerts.judging", "import redis"),
        (
            "the states of alerts, and what is told of them, are plain Python",
            f"{WATCHING}.alerts.states",
            "from django.utils import timezone",
        ),
        ("telling knows nothing of what it tells", f"{WATCHING}.telling.queue", f"import {WATCHING}.alerts.judging"),
        ("looking into a server knows neither pages nor rows", "portal.operations.inspecting.look", "import django.db"),
        (
            "plots and verdicts know no page",
            "portal.operations.dashboard.plots",
            "import portal.operations.admin.rights",
        ),
        ("watching knows no page", f"{WATCHING}.watch", "from portal.operations.admin import plots"),
        (
            "backups, ACL and checklist know no page",
            "portal.operations.checklist.backups",
            "from portal.operations.admin import plots",
        ),
        ("who may do what in Redis is plain Python", "portal.operations.acl.users", "import redis"),
        ("no import is hidden in a text", "portal.health", "from importlib import import_module"),
        ("no import is hidden in a text", "limits.conf", "import importlib\nimportlib.import_module('portal')"),
    ],
)
def test_a_wrong_import_breaks_its_rule(name: str, module: str, line: str, sources: Sources) -> None:
    wrong = {**sources, module: f"{sources[module]}\n{line}\n"}
    assert list(broken(RULES[name], wrong)) != []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("limits.admin.policies", "Policy.objects.filter(pk=1).update(enabled=False)"),
        ("limits.sync", "Policy(slug='x').save()"),
        ("limits.sync", "Revision.objects.create()"),
        ("portal.health", "from limits import models\nmodels.Policy.objects.all().delete()"),
    ],
)
def test_a_write_outside_services_is_found(module: str, line: str, sources: Sources) -> None:
    wrong = {**sources, module: f"{sources[module]}\n{line}\n"}
    assert [found.split(":")[0] for found in writes(wrong)] == [module]


def broken(rule: Rule, sources: Sources) -> Iterator[str]:
    """Yield `module: import` for every import that breaks a rule."""
    for module in sources:
        if not _within(module, rule.who) or any(fnmatchcase(module, name) for name in rule.but_for):
            continue
        for imported in _reached(module, sources) if rule.reached else imports(sources[module]):
            if _within(imported, rule.never) or (rule.only and not _within(imported, rule.only)):
                yield f"{module}: {imported}"


def writes(sources: Sources) -> Iterator[str]:
    """Yield `module: call` for every call that writes rows, in modules that know the models of limits."""
    for module, source in sources.items():
        knows_models = any(_within(imported, ("limits.models",)) for imported in imports(source))
        if knows_models and not _within(module, ("limits.services", "limits.migrations")):
            calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
            yield from (f"{module}: {ast.unparse(call)}" for call in calls if _writes(call))


@cache
def imports(source: str) -> tuple[str, ...]:
    """Return the full name of everything that a text imports, and what it uses of importlib."""
    return tuple(_imports(ast.parse(source)))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("importlib."):
            yield ast.unparse(node)


def _reached(module: str, sources: Sources) -> Iterable[str]:
    """Return what a module imports, and what that imports, as far as it is ours."""
    seen: set[str] = set()
    ahead = [module]
    while ahead:
        current = ahead.pop()
        for imported in imports(sources[current]):
            if imported not in seen:
                seen.add(imported)
                ahead.extend(_home(imported, sources))
    return sorted(seen)


def _home(imported: str, sources: Sources) -> list[str]:
    """Return the module of ours that an imported name is, or is in."""
    while imported and imported not in sources:
        imported = imported.rpartition(".")[0]
    return [imported] if imported else []


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _writes(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in WRITES
