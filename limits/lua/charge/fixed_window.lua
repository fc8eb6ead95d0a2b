
local function look_at_fixed(rate)
    local count = tonumber(match(read(rate.key), '^%d+$'))
    local rest = count and call('PTTL', rate.key) or 0
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
        call('SET', rate.key, format('%d', rate.used), 'PX', format('%d', rate.a))
    else
        call('SET', rate.key, format('%d', rate.used), 'KEEPTTL')
    end
end

local function rest_of_fixed(rate)
    return rate.reset
end

algorithms.f = {
    look = look_at_fixed, add = add_to_fixed, reset = rest_of_fixed, save = save_fixed, wait = rest_of_fixed,
}
