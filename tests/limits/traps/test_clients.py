"""Traps in who is asking: clients who have nothing in common but what they lack, or how their address is written."""

from ipaddress import ip_network

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import Settings

from limits.core.client_keys import parse_client_key
from limits.core.rates import Rate
from tests.limits import making
from tests.limits.traps import peer
from tests.limits.traps.doing import statuses

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.limits.traps.views")]
ALICE, BOB = "203.0.113.1", "198.51.100.2"


@pytest.fixture(autouse=True)
def once_a_minute(redis_server: redis.Redis) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60)))


def peer_tells_apart(one: str, another: str, *, key: str) -> bool:
    """Say whether django-ratelimit counts these two addresses apart."""
    return [peer.use(making.request(address=address), key=key)["count"] for address in (one, another)] == [1, 1]


def test_mapped_ipv4_addresses_do_not_share_a_bucket(client: Client) -> None:
    assert not peer_tells_apart(f"::ffff:{ALICE}", f"::ffff:{BOB}", key="ip")
    assert statuses(client, "/single", requests=2, REMOTE_ADDR=f"::ffff:{ALICE}") == [200, 429]
    assert statuses(client, "/single", requests=2, REMOTE_ADDR=f"::ffff:{BOB}") == [200, 429]
    assert statuses(client, "/single", requests=1, REMOTE_ADDR=ALICE) == [429]


def test_an_address_with_a_port_is_no_500(client: Client) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        peer.use(making.request(address=f"{ALICE}:5678"))
    assert statuses(client, "/single", requests=1, REMOTE_ADDR=f"{ALICE}:5678") == [200]
    assert statuses(client, "/single", requests=1, REMOTE_ADDR=f"{ALICE}:9999") == [429]


def test_an_empty_address_is_no_500(client: Client) -> None:
    with pytest.raises(ImproperlyConfigured):
        peer.use(making.request(address=""))
    assert statuses(client, "/single", requests=2, REMOTE_ADDR="") == [200, 429]


def test_behind_a_unix_socket_clients_are_told_apart(client: Client, settings: Settings) -> None:
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)
    for address in (ALICE, BOB):
        sent = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": address}
        assert statuses(client, "/single", requests=2, **sent) == [200, 429]


def test_anonymous_visitors_do_not_share_a_bucket(client: Client) -> None:
    assert not peer_tells_apart(ALICE, BOB, key="user")
    making.put_in_force(making.policy("login", Rate(1, 60), key=parse_client_key("user")))
    for address in (ALICE, BOB):
        assert statuses(client, "/single", requests=2, REMOTE_ADDR=address) == [200, 429]


@pytest.mark.parametrize(("key", "peer_key"), [("header:X-Api-Key", "header:x-api-key"), ("field:name", "post:name")])
def test_clients_without_the_header_or_field_do_not_share_a_bucket(client: Client, key: str, peer_key: str) -> None:
    assert not peer_tells_apart(ALICE, BOB, key=peer_key)
    making.put_in_force(making.policy("login", Rate(1, 60), key=parse_client_key(key)))
    for address in (ALICE, BOB):
        assert statuses(client, "/single", requests=2, REMOTE_ADDR=address) == [200, 429]
