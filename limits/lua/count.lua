#!lua flags=allow-oom
-- One fixed window for one client, as django-ratelimit asks for it: a whole number, whose key's life is the window.
-- KEYS[1] counter.
-- ARGV[1] amount, 0 looks only; [2] window in milliseconds; [3] limit, 0 judges nothing: what is refused counts too.
-- Returns {count, rest of the window in milliseconds}. A count above the limit says that the request is refused, and
-- that nothing was charged for it; of a counter that is not there the rest is the whole window.
local COUNT_MAX = 1e9
local key, amount, window, limit = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3] or 0)

-- The answer to a command; of an error only what says that the key holds no count of ours. Any other, such as a missing
-- permission, is raised: it must not pass for a counter that is not there.
local function ask(...)
    local answer = redis.pcall(...)
    local wrong = type(answer) == 'table' and answer.err or 'WRONGTYPE'
    if not (string.find(wrong, 'WRONGTYPE') or string.find(wrong, 'not an integer') or string.find(wrong, 'overflow')) then
        error(answer)
    end
    return answer
end

-- Charged first, and taken back should it be refused: that is rare, for who is refused is remembered.
local found = amount > 0 and ask('INCRBY', key, amount) or ask('GET', key)
local count = type(found) == 'number' and found or tonumber(string.match(type(found) == 'string' and found or '', '^%d+$'))
local rest = count and redis.call('PTTL', key) or 0
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
