"""To which servers the credentials of the settings may go."""

import pytest
from pytest_django import Settings

from portal.operations.inspecting.addresses import address_of
from portal.redis_address import parse_redis_address


def of(place: str, *, source: str = "redis") -> str:
    return address_of(place, source=source).url


def test_a_single_server_is_asked_at_its_own_place_only(settings: Settings) -> None:
    settings.REDIS = parse_redis_address("redis://jane:word@10.0.0.1:6379/3")
    assert of("10.0.0.1:6379") == "redis://jane:word@10.0.0.1:6379/0"
    with pytest.raises(LookupError):
        of("10.0.0.2:6379")


def test_of_several_addresses_it_is_the_one_that_leads_there(settings: Settings) -> None:
    settings.REDIS = parse_redis_address("redis://10.0.0.1:6379/0")
    settings.BROKER = parse_redis_address("rediss://:word@10.0.0.2:6380/0")
    assert of("10.0.0.2:6380", source="redis, broker") == "rediss://:word@10.0.0.2:6380/0"


def test_a_socket_is_its_path(settings: Settings) -> None:
    settings.REDIS = parse_redis_address("unix:///run/redis.sock?db=2")
    assert of("/run/redis.sock") == "unix:///run/redis.sock?db=0"


@pytest.mark.parametrize("address", ["redis+cluster://:word@10.0.0.1:7000", "redis+sentinel://:word@10.0.0.9/main/2"])
def test_a_server_of_a_set_has_the_credentials_of_the_set(address: str, settings: Settings) -> None:
    settings.REDIS = parse_redis_address(address)
    assert of("10.0.0.5:7001") == "redis://:word@10.0.0.5:7001/0"
    assert of("[fd00::1]:7001") == "redis://:word@[fd00::1]:7001/0"


@pytest.mark.parametrize("place", ["10.0.0.9:26379", "a,b:1", "nowhere", "host:port", ""])
def test_what_is_no_server_of_a_set_is_not_asked(place: str, settings: Settings) -> None:
    settings.REDIS = parse_redis_address("redis+sentinel://:word@10.0.0.9:26379/main/0")
    with pytest.raises(LookupError):
        of(place)


def test_a_source_that_the_settings_do_not_know_is_not_asked() -> None:
    with pytest.raises(LookupError):
        of("10.0.0.1:6379", source="elsewhere")
