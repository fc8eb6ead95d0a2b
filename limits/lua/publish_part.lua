#!lua flags=allow-oom
-- Parts of the overrides, each written only when nobody else wrote it since we looked.
-- KEYS[1] policies, KEYS[2] overrides; ARGV[1] a text that was never used before, which tells who looks that something
-- changed; then for each part: its number, the version that we saw, or '', its version, its lines.
-- What is no hash, or another version than we write, is none of ours, and is written over.
-- Returns how many were written.
for _, key in ipairs(KEYS) do
    if redis.call('TYPE', key).ok ~= 'hash' then
        redis.call('DEL', key)
    end
end
local written = 0
for at = 2, #ARGV, 4 do
    local number, seen, version, lines = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local stands = redis.call('HGET', KEYS[2], number .. ':version') or ''
    if stands:find('[^0-9A-Za-z-]') then
        stands = ''
    end
    if stands == seen then
        redis.call('HSET', KEYS[2], number, lines, number .. ':version', version)
        written = written + 1
    end
end
if written > 0 or #ARGV == 1 then
    redis.call('HSET', KEYS[1], 'overrides', ARGV[1])
end
return written
