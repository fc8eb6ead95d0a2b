#!lua flags=allow-oom
-- One fixed window for one client, as django-ratelimit asks for it: a whole number, whose key's life is the window.
-- KEYS[1] counter.
-- ARGV[1] amount, 0 looks only; [2] window in milliseconds; [3] limit, 0 judges nothing: what is refused counts too.
-- Returns {count, rest of the window in milliseconds}. A count above the limit says that the request is refused, and
-- that nothing was charged for it; of a counter that is not there the rest is the whole window.
local COUNT_MAX = 1e9
local key, amount, window, limit = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3] or 0)

local function look()
    local found = redis.pcall('GET', key)
    return tonumber(string.match(type(found) == 'string' and found or '', '^%d+$'))
end

-- Charged first, and taken back should it be refused: that is rare, for who is refused is remembered.
local count = amount > 0 and redis.pcall('INCRBY', key, amount) or look()
local rest = type(count) == 'number' and redis.call('PTTL', key) or 0
if rest <= 0 or count < amount or count - amount > COUNT_MAX then
    -- None, over, without an end, or not a count: a window begins.
    if limit > 0 and amount > limit then
        redis.call('DEL', key)
    elseif amount > 0 then
        redis.call('SET', key, amount, 'PX', window)
    end
    return {amount, window}
end
if rest > window then
    -- The server's clock went back.
    redis.call('PEXPIRE', key, window)
    rest = window
end
if limit > 0 and count > limit then
    redis.call('DECRBY', key, amount)
elseif count > COUNT_MAX then
    redis.call('SET', key, COUNT_MAX, 'KEEPTTL')
end
return {count, rest}
