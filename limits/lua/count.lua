#!lua flags=allow-oom
-- One counter, counted without a limit of its own (django-ratelimit judges, or we do).
-- KEYS[1] counter; ARGV[1] how much to add, 0 to look only; ARGV[2] its life in milliseconds.
-- Returns {count, rest of its life in milliseconds}.
local amount = tonumber(ARGV[1])
if amount == 0 then
    return {tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])}
end
local count = redis.call('INCRBY', KEYS[1], amount)
local rest = redis.call('PTTL', KEYS[1])
if rest < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    rest = tonumber(ARGV[2])
end
return {count, rest}
