#!lua flags=allow-oom
-- One process's tallies since its last batch, and its last refusals. A batch that comes twice is written once.
-- KEYS[1] the sender's mark; [2] a sorted set of the minutes that changed, by the moment of their last change; [3] the
-- stream of refusals; then a hash for each minute. All in one hash slot.
-- ARGV[1] the batch's number; [2] life of minutes and marks in seconds; [3] length of the stream; [4] how many refusals,
-- then for each: at, policy, client, place; then for each minute: its number, how many fields, then field and amount.
-- Returns 1; 0 when the batch was written before.
local number, life, length = tonumber(ARGV[1]), ARGV[2], ARGV[3]
if tonumber(redis.call('GET', KEYS[1]) or 0) >= number then
    return 0
end
redis.call('SET', KEYS[1], number, 'EX', life)

local at = 4
local function take()
    at = at + 1
    return ARGV[at]
end

-- pcall: a key that somebody spoilt must not keep the rest from being written, again and again.
for _ = 1, tonumber(ARGV[4]) do
    redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', length, '*',
        'at', take(), 'policy', take(), 'client', take(), 'place', take())
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for key = 4, #KEYS do
    local minute = take()
    for _ = 1, tonumber(take()) do
        redis.pcall('HINCRBY', KEYS[key], take(), take())
    end
    redis.pcall('EXPIRE', KEYS[key], life)
    redis.pcall('ZADD', KEYS[2], now, minute)
end
redis.pcall('EXPIRE', KEYS[2], life)
return 1
