-- Keep the answer to a request that was claimed, or, without one, give the claim back.
-- KEYS[1] claim
-- ARGV[1] token  ARGV[2] answer or ''  ARGV[3] ms it is remembered
-- Returns 1, or 0 where somebody else has the claim by now
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
