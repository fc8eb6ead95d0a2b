
-- Keys whose bucket goes on, and with it their life: to give it anew costs as much again as to write.
local goes_on = {}

local function look_at_sliding(rate)
    local window, index, previous, current = rate.window, match(read(rate.key), '^(%d+):(%d+):(%d+)$')
    local elapsed = now % window
    local later = index and index - (now - elapsed) / window
    rate.capacity, rate.reset = rate.limit, window - elapsed
    if not later or later < -1 then
        return
    end
    local a, b = tonumber(previous), tonumber(current)
    if a > COUNT_MAX or b > COUNT_MAX then
        a, b = 0, 0
    elseif later < 0 then
        a, b = b, 0
    elseif later > 0 then
        ahead[rate.key] = true
    else
        goes_on[rate.key] = true
    end
    rate.a, rate.b, rate.used = a, b, b - divide(-a, rate.reset, window)
end

local function add_to_sliding(rate, cost)
    local current = min(rate.b + cost, COUNT_MAX)
    rate.used, rate.b = rate.used - rate.b + current, current
end

local function save_sliding(rate)
    local window, life = rate.window, rate.window + rate.reset
    local text = format('%d:%d:%d', (now + life) / window - 2, rate.a, rate.b)
    if goes_on[rate.key] then
        call('SET', rate.key, text, 'KEEPTTL')
    else
        call('SET', rate.key, text, 'PX', format('%d', life))
    end
end

local function rest_of_sliding(rate)
    return rate.reset
end

local function wait_for_sliding(rate, cost)
    local room = rate.limit - cost
    if rate.b <= room then
        return rate.reset - divide(room - rate.b, rate.window, rate.a)
    end
    return rate.reset + rate.window - divide(room, rate.window, rate.b)
end

algorithms.s = {
    look = look_at_sliding, add = add_to_sliding, reset = rest_of_sliding, save = save_sliding, wait = wait_for_sliding,
}
