#!lua flags=allow-oom
-- Lets one client start afresh: its counters go, and who looks is told, in one step or not at all.
-- KEYS[1] policies; then the client's counters.
-- Returns how many counters there were.
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return redis.call('DEL', unpack(KEYS, 2))
