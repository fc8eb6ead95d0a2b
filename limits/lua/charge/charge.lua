
local policies, refused, k = {}, false, 0
for p = 1, (#ARGV - 1) / 3 do
    local algorithm, cost, packed = algorithms[ARGV[3 * p - 1]], tonumber(ARGV[3 * p]), ARGV[3 * p + 1]
    local numbers = #packed / 8
    local told = {struct.unpack('<' .. string.rep('d', numbers), packed)}
    local rates, is_over, penalty, penalty_rest = {}, false, told[3], 0
    for i = 4, numbers, 3 do
        k = k + 1
        local rate = {
            key = KEYS[k], limit = told[i], capacity = told[i + 1], window = told[i + 2],
            used = 0, reset = 0, a = 0, b = 0,
        }
        algorithm.look(rate)
        is_over = is_over or rate.used + cost > rate.capacity
        rates[#rates + 1] = rate
    end
    if penalty > 0 then
        k = k + 1
        penalty_rest = max(0, call('PTTL', KEYS[k]))
        if penalty_rest > penalty then
            penalty_rest = penalty
            call('PEXPIRE', KEYS[k], penalty)
        elseif penalty_rest == 0 and is_over and cost > 0 then
            penalty_rest = penalty
            call('SET', KEYS[k], 1, 'PX', penalty)
        end
    end
    local refuses = is_over or penalty_rest > 0
    refused = refused or refuses and told[1] == 1
    policies[p] = {
        algorithm = algorithm, rates = rates, cost = cost, penalty_rest = penalty_rest, refuses = refuses,
        refusals_count = told[2] == 1,
    }
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
        rate.reset = algorithm.reset(rate)
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
