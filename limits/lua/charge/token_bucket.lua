
-- Milliseconds in which so many tokens and parts of one, the window-th part, flow in.
local function refill(rate, tokens, parts)
    local whole, left = divide(tokens, rate.window, rate.limit)
    left = left + parts
    local rest = left % rate.limit
    return min(whole + (left - rest) / rate.limit + (rest > 0 and 1 or 0), LONGEST)
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
    end
end

local function add_to_bucket(rate, cost)
    if rate.used + cost <= rate.capacity then
        rate.a, rate.used = rate.a + cost, rate.used + cost
    elseif rate.a < rate.capacity then
        -- A refusal that counts fills it up, and no more.
        rate.a, rate.b, rate.used = rate.capacity, 0, rate.capacity
    end
end

local function rest_of_bucket(rate)
    return refill(rate, rate.a, rate.b)
end

local function save_bucket(rate)
    call('SET', rate.key, format('%d:%d:%d', now, rate.a, rate.b), 'PX', format('%d', max(1, rate.reset)))
end

local function wait_for_bucket(rate, cost)
    return refill(rate, rate.a + cost - rate.capacity, rate.b)
end

algorithms.b = {
    look = look_at_bucket, add = add_to_bucket, reset = rest_of_bucket, save = save_bucket, wait = wait_for_bucket,
}
