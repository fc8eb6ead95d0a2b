#!lua flags=allow-oom
-- Takes charges back, of requests whose outcome does not count.
-- KEYS counters. ARGV[1] now in milliseconds, or '' for the server's clock; then for each key: algorithm (f, s or b as
-- in charge.lua), window in milliseconds, cost, age in milliseconds: how long ago the charge was answered.
-- Returns what was taken off, one number for each key. Only the window that was charged gives back, never below 0;
-- no key is made, and none lives longer or shorter for it.
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function replace(key, ...)
    redis.call('SET', key, table.concat({...}, ':'), 'KEEPTTL')
end

local take = {}

function take.f(key, found, window, cost, age)
    local count = tonumber(string.match(found, '^%d+$'))
    local rest = count and redis.call('PTTL', key) or 0
    if rest <= 0 or rest + age > window then
        return 0
    end
    local given = math.min(count, cost)
    replace(key, count - given)
    return given
end

function take.s(key, found, window, cost, age)
    local index, previous, current = string.match(found, '^(%d+):(%d+):(%d+)$')
    local windows_since = index and index - math.floor((now - age) / window)
    if windows_since == 0 then
        local given = math.min(current, cost)
        replace(key, index, previous, current - given)
        return given
    elseif windows_since == 1 then
        local given = math.min(previous, cost)
        replace(key, index, previous - given, current)
        return given
    end
    return 0
end

function take.b(key, found, _, cost)
    local moment, tokens, parts = string.match(found, '^(%d+):(%d+):(%d+)$')
    if not moment then
        return 0
    end
    -- What flowed in since that moment flows in later all the same: the order makes no difference.
    local given = math.min(tokens, cost)
    replace(key, moment, tokens - given, tonumber(tokens) < cost and 0 or parts)
    return given
end

local answer = {}
for i, key in ipairs(KEYS) do
    local found = redis.pcall('GET', key)
    found = type(found) == 'string' and found or ''
    local window, cost, age = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
    answer[i] = take[ARGV[4 * i - 2]](key, found, window, cost, age)
end
return answer
