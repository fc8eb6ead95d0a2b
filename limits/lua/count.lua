#!lua flags=allow-oom
-- One fixed window for one client, as django-ratelimit asks for it: a whole number, whose key's life is the window.
-- KEYS[1] counter.
-- ARGV[1] amount, 0 looks only; [2] window in milliseconds; [3] limit, 0 judges nothing: what is refused counts too.
-- Returns {count, rest of the window in milliseconds}. A count above the limit says that the request is refused, and
-- that nothing was charged for it; of a counter that is not there the rest is the whole window.
local COUNT_MAX = 1e9
local amount, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3] or 0)

local found = redis.pcall('GET', KEYS[1])
local count = tonumber(string.match(type(found) == 'string' and found or '', '^%d+$'))
local rest = count and redis.call('PTTL', KEYS[1]) or 0
local life = 'KEEPTTL'
if rest <= 0 or count > COUNT_MAX then
    -- None, over, without an end, or not a count: a window begins.
    count, rest, life = 0, window, 'PX'
elseif rest > window then
    -- The server's clock went back.
    redis.call('PEXPIRE', KEYS[1], window)
    rest = window
end
if limit > 0 and count + amount > limit then
    return {count + amount, rest}
end
count = math.min(count + amount, COUNT_MAX)
if amount == 0 then
    return {count, rest}
end
if life == 'PX' then
    redis.call('SET', KEYS[1], count, 'PX', window)
else
    redis.call('SET', KEYS[1], count, 'KEEPTTL')
end
return {count, rest}
