#!lua flags=allow-oom
-- The policies' document, written only when nobody else wrote since we looked.
-- KEYS[1] policies; ARGV[1] the version that we saw, or ''; ARGV[2] version; ARGV[3] document.
-- What is no hash, or another version than we write, is none of ours, and is written over.
-- Returns 1 when written, 0 when another version stands there.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
    redis.call('DEL', KEYS[1])
end
local stands = redis.call('HGET', KEYS[1], 'version') or ''
if stands:find('[^0-9A-Za-z-]') then
    stands = ''
end
if stands ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
return 1
