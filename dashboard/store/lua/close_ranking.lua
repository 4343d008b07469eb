-- A ranking is archived: from now on it expires. Nothing happens where it changed since it was read.
-- KEYS[1] hash of rankings that are not archived  KEYS[2] ranking  KEYS[3] its runs  KEYS[4] its levels
-- ARGV[1] period id  ARGV[2] the board's version at its last change, as the caller saw it  ARGV[3] expiry in ms
-- Returns 1, or 0 (it changed, or the board was deleted)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
redis.call('PEXPIREAT', KEYS[3], ARGV[3])
redis.call('PEXPIREAT', KEYS[4], ARGV[3])
return 1
