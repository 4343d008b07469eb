-- End a session at once and tell every process, in one step: who hears of it finds it gone.
-- KEYS[1] session  KEYS[2] index of its role  KEYS[3] index of its owner
-- ARGV[1] handle  ARGV[2] channel on which ends are told
-- Returns 1, or 0 where it had ended before
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 1
