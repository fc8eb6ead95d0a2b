"""Asking a server what it is, for the words of its ACL: HELLO tells everybody who may log in."""

from collections.abc import Iterator
from dataclasses import replace

import redis

from portal.operations.acl.servers import ServerFacts, SiteServer
from portal.operations.redis_answers import fields_of, text_of
from portal.redis_address import Client, RedisAddress, client_of, connect

_ENGINES = ("redis", "valkey")
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0


def ask(server: SiteServer) -> ServerFacts:
    """Return what a server says of itself; of one that does not answer, or is of another make, the oldest supported."""
    for client in _clients(server.address):
        try:
            with client:
                return _told(client)
        except (redis.RedisError, OSError):
            continue
    return ServerFacts()


def _clients(address: RedisAddress) -> Iterator[Client]:
    """Yield whom to ask: of a Cluster one node after the other, for one speaks for all."""
    if address.is_sentinel:
        yield connect(address)
    elif address.is_cluster:
        yield from (_client_of(replace(address, kind="redis", hosts=(host,))) for host in address.hosts)
    else:
        yield _client_of(address)


def _client_of(address: RedisAddress) -> Client:
    return client_of(address, connect_seconds=_CONNECT_SECONDS, answer_seconds=_ANSWER_SECONDS)


def _told(client: Client) -> ServerFacts:
    hello = fields_of(client.execute_command("HELLO", 3))
    engine, version = text_of(hello["server"]), text_of(hello["version"])
    if engine not in _ENGINES:
        return ServerFacts()
    return ServerFacts(engine, version, has_replicas=_has_replicas(client), answered=True)


def _has_replicas(client: Client) -> bool:
    try:
        told = client.info("replication")
    except redis.ResponseError:
        return False
    return bool(told.get("connected_slaves")) or told.get("role") == "slave"
