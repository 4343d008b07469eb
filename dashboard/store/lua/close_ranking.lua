-- A ranking is archived: from now on it expires. Nothing happens where it changed since it was read.
-- KEYS[1] hash of rankings that are not archived  KEYS[2..] ranking, its runs, its levels
-- ARGV[1] period id  ARGV[2] the board's version at its last change, as the caller saw it  ARGV[3] expiry in ms
-- Returns 1, or 0 (it changed, or the board was deleted)
--@ besides.lua
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
for _, key in ipairs(find_besides(KEYS[2], KEYS[4])) do redis.call('PEXPIREAT', key, ARGV[3]) end
for i = 2, 4 do redis.call('PEXPIREAT', KEYS[i], ARGV[3]) end
return 1
