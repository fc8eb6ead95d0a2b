
-- The server's clock, and arithmetic that stays exact.
if not now then
    local time = call('TIME')
    now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
end

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
