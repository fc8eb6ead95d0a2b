#!lua flags=allow-oom
-- All policies that hold for one request: look at every rate of every one, then charge all, or none when one refuses.
-- limits/core/windows.py is the same in Python, and tells the formulas; every number here is a whole one, and exact.
-- A script is put together of this, of the algorithms that are asked for, and of charge.lua: what is not needed costs
-- time as well, at every call.
--
-- KEYS for each policy: its counters, one a rate, then its penalty when it has one. No key twice.
-- ARGV[1] now in milliseconds, or '' for the server's clock; then for each policy: algorithm (f fixed window, s sliding
-- window, b token bucket), cost (0: look only), and its numbers in one text, as little-endian doubles: enforces (1, or
-- 0: shadow), refusals count (1 or 0), penalty in milliseconds (0: none), then for each rate: limit, capacity (a
-- bucket's alone), window in milliseconds.
-- Returns, flat, for each policy: rest of its penalty in milliseconds (0: none); then for each rate: remaining, reset,
-- retry, the last two in milliseconds. A policy refuses when its penalty runs or a rate's retry is above 0.
local COUNT_MAX, LONGEST, EXACT = 1e9, 2 ^ 40, 2 ^ 53
local call, min, max, match, format = redis.call, math.min, math.max, string.match, string.format
local now, ahead = tonumber(ARGV[1]), {}

-- Each algorithm: look (what is used as of now, and how long until it resets), add, reset (as it is after that), save,
-- wait (milliseconds until `cost` fits; asked only when it does not fit now, and could). `ahead` has the keys that a
-- clock ahead of ours wrote. Of a rate, a and b are numbers of its algorithm: previous and current bucket; tokens of
-- debt, and parts of one; of a fixed window a is its life when it begins, and 0 when it goes on. Eight fields: a ninth
-- doubles a table's memory.
local algorithms = {}

-- The text of a key; none when there is nothing, or something else than text.
local function read(key)
    local found = redis.pcall('GET', key)
    if type(found) == 'table' and not string.find(found.err, 'WRONGTYPE') then
        -- Such as a missing permission: it must not pass for a counter that is not there.
        error(found)
    end
    return type(found) == 'string' and found or ''
end
