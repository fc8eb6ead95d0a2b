"""The commands of Redis that each part of the portal sends, its scripts included; and the keys that it uses.

Whoever adds a command to a script or a client adds it here: the tests run the site under these users.
"""

CONNECTING = ("hello", "ping", "select", "client|setname")
NAMING_THE_LIBRARY = ("client|setinfo",)
"""Sent by redis-py to every server, and unknown to Redis before 7.2."""
FINDING_NODES = ("command", "cluster|slots", "cluster|shards", "asking")
"""What a client of a Cluster asks before the first command."""
SCRIPTS = ("eval", "evalsha")
TRANSACTIONS = ("multi", "exec", "discard", "watch", "unwatch")

COUNTING = (
    *("get", "mget", "set", "del", "exists", "type", "incrby", "decrby", "pttl", "expire", "pexpire"),
    *("hget", "hmget", "hgetall", "hset", "hincrby"),
    *("zadd", "zrange", "zrem", "zremrangebyscore", "xadd", "xrange", "xdel", "xtrim"),
    *("scan", "dbsize", "time", "info", *SCRIPTS),
)
"""Rate limits: scripts, policies, tallies, live counters, and the check of the server's version."""
CACHING = (
    *("get", "mget", "set", "del", "unlink", "exists", "ttl", "pttl", "incrby", "scan"),
    *("expire", "pexpire", "expireat", "pexpireat", "persist"),
    *(*SCRIPTS, "script|load", "script|exists", *TRANSACTIONS),
)
"""Django's cache and its locks. Not FLUSHDB and KEYS: `cache.clear()` would empty the database for everybody."""
QUEUEING = (
    *("get", "mget", "set", "setex", "del", "exists", "pexpire"),
    *("lpush", "rpush", "rpop", "brpop", "llen", "hset", "hget", "hdel", "hlen", "sadd", "srem", "smembers"),
    *("zadd", "zrem", "zrange", "zrangebyscore", "zrevrangebyscore"),
    *("publish", "subscribe", "unsubscribe", "psubscribe", "punsubscribe"),
    *("time", *SCRIPTS, "script|load", "script|exists", *TRANSACTIONS),
)
"""Celery: queues, jobs that are not acknowledged, and talk among workers."""

LOOKING = (
    *("info", "dbsize", "scan", "type", "ttl", "pttl", "memory|usage", "memory|stats"),
    *("slowlog|get", "slowlog|len", "latency|latest", "latency|history", "client|list", "role", "time"),
    *("acl|whoami", "acl|dryrun", "command|info"),
)
"""What pages, alerts and checklist show of a server: the names and sizes of all keys, and no value."""
LOOKING_AT_A_CLUSTER = ("cluster|info", "cluster|shards", "cluster|slots", "cluster|nodes")
READING_POLICIES = ("hget", "hmget")
TRYING = ("incrby", "decrby", "get", "set", "del", "pttl", "pexpire", *SCRIPTS)
"""One fixed window: the watch counts on a counter of its own, for nothing else tells whether counting works."""

STREAMING = ("psync", "replconf")
DUMPING = ("scan", "dump", "pexpiretime", "function|dump")
TAKING = ("info", "time", "dbsize", *STREAMING, *DUMPING)
"""A backup: the whole data over the wire, or key by key where only some are wanted."""
BRINGING_BACK = ("exists", "restore", "function|restore", "function|list")
EXCHANGING = ("swapdb", "flushdb", "eval")
"""A restore of whole databases, beside the live ones; what it moved aside is emptied an hour later."""

REPLICATING = ("ping", *STREAMING)
FAILING_OVER = (
    *("ping", "info", "role", "publish", "subscribe", "multi", "exec", "slaveof", "replicaof"),
    *("config|rewrite", "client|setname", "client|kill", "script|kill"),
)
"""What a Sentinel asks of the servers that it watches."""

COUNTER_KEYS = ("rl:*", "limits:*")
POLICY_KEYS = ("limits:{policies}*",)
TRIED_KEYS = ("rl:{:watch}:*",)
CACHE_KEYS = (":*",)
"""Django's names of keys: the prefix, which is empty here, `:`, the version, `:`, and the name."""
_PRIORITY = "??[369]"
"""Kombu keeps each of its four priorities apart: two bytes and a digit follow the name of the queue."""
QUEUE_KEYS = (
    *(f"{queue}{ending}" for queue in ("celery", "long") for ending in ("", _PRIORITY)),
    *("unacked", "unacked_index", "unacked_mutex", "_kombu.binding*"),
    *("*.celery.pidbox", f"*.celery.pidbox{_PRIORITY}", "celeryev.*"),
)


def channels(database: int) -> tuple[str, ...]:
    """Return the channels of Celery in a database. A pattern that is subscribed to has to stand there as it is."""
    return f"/{database}.celery.pidbox", f"/{database}.celeryev/*", f"/{database}.celeryev/worker.*"
