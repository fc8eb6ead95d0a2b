#!lua flags=allow-oom
-- All policies that hold for one request: look at every rate of every one, then charge all, or none when one refuses.
-- limits/core/windows.py is the same in Python, and tells the formulas; every number here is a whole one, and exact.
--
-- KEYS for each policy: its counters, one a rate, then its penalty when it has one. No key twice.
-- ARGV[1] now in milliseconds, or '' for the server's clock; [2] how many policies; then for each policy: enforces
-- (1, or 0: shadow), refusals count (1 or 0), penalty in milliseconds (0: none), cost (0: look only), algorithm
-- (f fixed window, s sliding window, b token bucket), how many rates; then for each rate: limit, capacity (a bucket's
-- alone), window in milliseconds.
-- Returns, flat, for each policy: rest of its penalty in milliseconds (0: none); then for each rate: remaining, reset,
-- retry, the last two in milliseconds. A policy refuses when its penalty runs or a rate's retry is above 0.
local COUNT_MAX, LONGEST, EXACT = 1e9, 2 ^ 40, 2 ^ 53
local min, max, match, format = math.min, math.max, string.match, string.format
local now, ahead = tonumber(ARGV[1]), {}

-- The quotient of a * b / c, rounded down, and what is left: exact where a * b would not fit into a double, too.
local function divide(a, b, c)
    local product = a * b
    if product <= EXACT and product >= -EXACT then
        local left = product % c
        return (product - left) / c, left
    end
    local low = a % 4096
    product = (a - low) / 4096 * b
    local left = product % c
    local high = (product - left) / c
    product = left * 4096 + low * b
    left = product % c
    return high * 4096 + (product - left) / c, left
end

-- The text of a key; none when there is nothing, or something else than text.
local function read(key)
    local found = redis.pcall('GET', key)
    return type(found) == 'string' and found or ''
end

-- Milliseconds in which so many tokens and parts of one, the window-th part, flow in.
local function refill(rate, tokens, parts)
    local whole, left = divide(tokens, rate.window, rate.limit)
    left = left + parts
    local rest = left % rate.limit
    return min(whole + (left - rest) / rate.limit + (rest > 0 and 1 or 0), LONGEST)
end

-- Each algorithm: look (what is used as of now, and how long until it resets), add, save, wait (milliseconds until
-- `cost` fits; asked only when it does not fit now, and could). `ahead` has the keys that a clock ahead of ours wrote.
-- Of a rate, a and b are numbers of its algorithm: previous and current bucket; tokens of debt, and parts of one; of a
-- fixed window a is its life when it begins, and 0 when it goes on. Eight fields: a ninth doubles a table's memory.
local function look_at_fixed(rate)
    local count = tonumber(match(read(rate.key), '^%d+$'))
    local rest = count and redis.call('PTTL', rate.key) or 0
    rate.capacity = rate.limit
    if rest <= 0 or count > COUNT_MAX then
        rate.a, rate.reset = rate.window, rate.window
    else
        rate.used, rate.reset = count, min(rest, rate.window)
        if rest > rate.window then
            rate.a, ahead[rate.key] = rate.window, true
        end
    end
end

local function add_to_fixed(rate, cost)
    rate.used = min(rate.used + cost, COUNT_MAX)
end

local function save_fixed(rate)
    if rate.a > 0 then
        redis.call('SET', rate.key, format('%d', rate.used), 'PX', format('%d', rate.a))
    else
        redis.call('SET', rate.key, format('%d', rate.used), 'KEEPTTL')
    end
end

local function wait_for_fixed(rate)
    return rate.reset
end

local function look_at_sliding(rate)
    local window, index, previous, current = rate.window, match(read(rate.key), '^(%d+):(%d+):(%d+)$')
    local elapsed = now % window
    local later = index and index - (now - elapsed) / window
    rate.capacity, rate.reset = rate.limit, window - elapsed
    if not later or later < -1 then
        return
    end
    rate.a, rate.b = tonumber(previous), tonumber(current)
    if rate.a > COUNT_MAX or rate.b > COUNT_MAX then
        rate.a, rate.b = 0, 0
    elseif later < 0 then
        rate.a, rate.b = rate.b, 0
    elseif later > 0 then
        ahead[rate.key] = true
    end
    rate.used = rate.b - divide(-rate.a, rate.reset, window)
end

local function add_to_sliding(rate, cost)
    local current = min(rate.b + cost, COUNT_MAX)
    rate.used, rate.b = rate.used - rate.b + current, current
end

local function save_sliding(rate)
    local window, life = rate.window, rate.window + rate.reset
    redis.call('SET', rate.key, format('%d:%d:%d', (now + life) / window - 2, rate.a, rate.b), 'PX', format('%d', life))
end

local function wait_for_sliding(rate, cost)
    local room = rate.limit - cost
    if rate.b <= room then
        return rate.reset - divide(room - rate.b, rate.window, rate.a)
    end
    return rate.reset + rate.window - divide(room, rate.window, rate.b)
end

local function look_at_bucket(rate)
    local moment, tokens, parts = match(read(rate.key), '^(%d+):(%d+):(%d+)$')
    if not moment then
        return
    end
    moment, tokens, parts = tonumber(moment), tonumber(tokens), tonumber(parts)
    if tokens > COUNT_MAX or parts >= rate.window then
        return
    end
    local whole, left = divide(rate.limit, min(max(now - moment, 0), LONGEST), rate.window)
    tokens, parts = tokens - whole, parts - left
    if moment > now then
        ahead[rate.key] = true
    end
    if parts < 0 then
        tokens, parts = tokens - 1, parts + rate.window
    end
    if tokens >= 0 then
        rate.a, rate.b, rate.used = tokens, parts, parts > 0 and tokens + 1 or tokens
        rate.reset = refill(rate, tokens, parts)
    end
end

local function add_to_bucket(rate, cost)
    if rate.used + cost <= rate.capacity then
        rate.a, rate.used = rate.a + cost, rate.used + cost
    elseif rate.a < rate.capacity then
        -- A refusal that counts fills it up, and no more.
        rate.a, rate.b, rate.used = rate.capacity, 0, rate.capacity
    end
    rate.reset = refill(rate, rate.a, rate.b)
end

local function save_bucket(rate)
    redis.call('SET', rate.key, format('%d:%d:%d', now, rate.a, rate.b), 'PX', format('%d', max(1, rate.reset)))
end

local function wait_for_bucket(rate, cost)
    return refill(rate, rate.a + cost - rate.capacity, rate.b)
end

local algorithms = {
    f = {look = look_at_fixed, add = add_to_fixed, save = save_fixed, wait = wait_for_fixed},
    s = {look = look_at_sliding, add = add_to_sliding, save = save_sliding, wait = wait_for_sliding},
    b = {look = look_at_bucket, add = add_to_bucket, save = save_bucket, wait = wait_for_bucket},
}
local policies, refused = {}, false
local k, a = 0, 2
for p = 1, tonumber(ARGV[2]) do
    local algorithm, cost, penalty = algorithms[ARGV[a + 5]], tonumber(ARGV[a + 4]), tonumber(ARGV[a + 3])
    local rates, is_over, penalty_rest = {}, false, 0
    if not now and ARGV[a + 5] ~= 'f' then
        local time = redis.call('TIME')
        now = time[1] * 1000 + math.floor(time[2] / 1000)
    end
    local first, n = a + 7, tonumber(ARGV[a + 6])
    for r = 1, n do
        local b = first + 3 * (r - 1)
        local rate = {
            key = KEYS[k + r],
            limit = tonumber(ARGV[b]), capacity = tonumber(ARGV[b + 1]), window = tonumber(ARGV[b + 2]),
            used = 0, reset = 0, a = 0, b = 0,
        }
        algorithm.look(rate)
        is_over = is_over or rate.used + cost > rate.capacity
        rates[r] = rate
    end
    k = k + n
    if penalty > 0 then
        k = k + 1
        penalty_rest = max(0, redis.call('PTTL', KEYS[k]))
        if penalty_rest > penalty then
            penalty_rest = penalty
            redis.call('PEXPIRE', KEYS[k], penalty)
        elseif penalty_rest == 0 and is_over and cost > 0 then
            penalty_rest = penalty
            redis.call('SET', KEYS[k], 1, 'PX', penalty)
        end
    end
    local refuses = is_over or penalty_rest > 0
    refused = refused or refuses and ARGV[a + 1] == '1'
    policies[p] = {
        algorithm = algorithm, rates = rates, cost = cost, penalty_rest = penalty_rest, refuses = refuses,
        refusals_count = ARGV[a + 2] == '1',
    }
    a = a + 6 + 3 * n
end

local answer, at = {}, 0
for _, policy in ipairs(policies) do
    local algorithm, cost, refuses = policy.algorithm, policy.cost, policy.refuses
    local is_charged = cost > 0 and (refuses and policy.refusals_count or not (refuses or refused))
    at = at + 1
    answer[at] = policy.penalty_rest
    for _, rate in ipairs(policy.rates) do
        if is_charged then
            algorithm.add(rate, cost)
        end
        if is_charged or ahead[rate.key] then
            algorithm.save(rate)
        end
        local retry = 0
        if refuses and rate.used + cost > rate.capacity then
            retry = cost > rate.capacity and rate.window or algorithm.wait(rate, cost)
        end
        answer[at + 1], answer[at + 2], answer[at + 3] = max(0, rate.capacity - rate.used), rate.reset, retry
        at = at + 3
    end
end
return answer
