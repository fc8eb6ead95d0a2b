"""django-redis on a Redis Cluster, through its hook for connection factories."""

from typing import Any

from django_redis.pool import ConnectionFactory
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry


class ClusterConnectionFactory(ConnectionFactory):
    """Hands out one client of the Cluster for each address: it knows the slots and keeps the connections.

    Nothing is tried again: a node that hangs would cost a request seconds.
    """

    _clusters: dict[str, RedisCluster] = {}

    def connect(self, url: str) -> Any:
        """Return the client. Raises RedisClusterException, which is no RedisError, when no node answers."""
        if url not in self._clusters:
            timeouts = self.make_connection_params(url) | {"retry": Retry(NoBackoff(), 0)}
            timeouts.pop("parser_class")
            self._clusters[url] = RedisCluster.from_url(**timeouts)
        return self._clusters[url]

    def disconnect(self, connection: Any) -> None:
        """Close the Cluster's connections; the next command opens new ones."""
        connection.disconnect_connection_pools()
