"""One bare EVALSHA that counts and sets a life: the least that one decision in Redis can cost. Takes an address."""

import sys

import redis
from in_turns import serve, timed

SCRIPT = """
local count = redis.call('INCR', KEYS[1])
local rest = redis.call('PTTL', KEYS[1])
if rest < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    rest = tonumber(ARGV[1])
end
return {count, rest}
"""


def main() -> None:
    client = redis.Redis.from_url(sys.argv[1])
    digest = client.script_load(SCRIPT)
    serve({"one bare EVALSHA": timed(lambda: client.evalsha(digest, 1, "bare:203.0.113.9", 60_000))})


if __name__ == "__main__":
    main()
