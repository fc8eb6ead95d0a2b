"""What the site begins with."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from limits import services
from limits.core.client_keys import ClientKey
from limits.core.rates import Rate
from limits.models import Policy, Revision
from limits.services import Actor, described

pytestmark = pytest.mark.django_db

IP, USER = ClientKey("ip"), ClientKey("user")
MINUTE, HOUR, DAY = 60, 3_600, 86_400
DEFAULTS = {
    "login": (IP, ("POST",), (Rate(5, MINUTE),)),
    "password-reset": (IP, ("POST",), (Rate(3, HOUR),)),
    "register": (IP, ("POST",), (Rate(5, HOUR),)),
    "api-search": (USER, (), (Rate(30, MINUTE),)),
    "default": (IP, (), (Rate(200, DAY), Rate(50, HOUR))),
}


def load_defaults() -> None:
    import_module("portal.migrations.0001_default_policies").load_defaults(apps, schema_editor=None)


def test_the_site_begins_with_the_five_policies_that_it_promises() -> None:
    found = {policy.slug: (policy.key, policy.methods, policy.rates) for policy in Policy.objects.all()}
    assert found == DEFAULTS
    assert Policy.objects.filter(mode="enforce", algorithm="fixed-window", version=1).count() == 5


def test_each_of_them_has_a_revision_that_describes_it() -> None:
    for policy in Policy.objects.all():
        (revision,) = Revision.objects.filter(subject_type=services.POLICY, subject=policy.slug)
        assert (revision.before, revision.after) == (None, described(policy))
        assert (revision.actor_name, revision.origin) == ("the portal", "first migration")


def test_loading_again_leaves_an_edited_policy_as_it_is() -> None:
    policy = Policy.objects.get(slug="login")
    policy.rates, policy.mode, policy.title = (Rate(2, DAY),), "shadow", "Mine"
    services.save_policy(policy, actor=Actor(name="somebody", origin="a test"))
    before = list(Policy.objects.values_list()), list(Revision.objects.values_list())
    load_defaults()
    assert (list(Policy.objects.values_list()), list(Revision.objects.values_list())) == before


def test_loading_again_makes_what_is_missing() -> None:
    Policy.objects.filter(slug="login").delete()
    load_defaults()
    assert Policy.objects.get(slug="login").rates == (Rate(5, MINUTE),)


def migrated_to(name: str) -> Any:
    """Migrate the database of limits to a migration; return the applications as they were then."""
    executor = MigrationExecutor(connection)
    return executor.migrate([("limits", name)]).apps


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_switch_becomes_a_mode_and_a_mode_a_switch() -> None:
    changes: dict[str, dict[str, Any]] = {
        "login": {"mode": "shadow"},
        "register": {"mode": "off"},
        "api-search": {"rates": (Rate(10, MINUTE, burst=20),), "algorithm": "token-bucket"},
        "password-reset": {"key": ClientKey("ip", other=ClientKey("field", "email"))},
    }
    for slug, values in changes.items():
        Policy.objects.filter(slug=slug).update(**values)
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("limits")[0][1]
    try:
        older = migrated_to("0001_initial").get_model("limits", "Policy")
        found = {policy.slug: policy for policy in older.objects.all()}
        assert {slug for slug, policy in found.items() if policy.enabled} == {"default"}
        assert found["api-search"].rates == (Rate(10, MINUTE),)
        assert found["password-reset"].key == IP
        older.objects.filter(slug="register").update(enabled=True)
    finally:
        migrated_to(latest)
    modes = dict(Policy.objects.values_list("slug", "mode"))
    assert {slug for slug, mode in modes.items() if mode == "enforce"} == {"default", "register"}
    assert {slug for slug, mode in modes.items() if mode == "off"} == {"login", "api-search", "password-reset"}


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
