#!lua flags=allow-oom
-- All rates of a policy for one client: check all, then charge all, or none when one refuses.
-- KEYS counters, one a rate; ARGV for each: limit, window in milliseconds.
-- Returns {count, rest in milliseconds} for each, flat. A refusing rate's count is one above the limit or more.
local counts, refused = {}, false
for i, key in ipairs(KEYS) do
    counts[i] = tonumber(redis.call('GET', key) or '0') + 1
    refused = refused or counts[i] > tonumber(ARGV[2 * i - 1])
end
local answer = {}
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    if not refused then
        redis.call('INCR', key)
    elseif counts[i] <= limit then
        counts[i] = counts[i] - 1
    end
    local rest = redis.call('PTTL', key)
    if rest < 0 then
        rest = window
        if counts[i] > 0 then redis.call('PEXPIRE', key, window) end
    end
    answer[2 * i - 1], answer[2 * i] = counts[i], rest
end
return answer
