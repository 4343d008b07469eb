-- Give a lock back, if it is still the caller's, and wake one who waits.
-- KEYS[1] lock hash  KEYS[2] waiters sorted set  KEYS[3] wake list
-- ARGV[1] token  ARGV[2] ms after which an unheard call is forgotten
-- Returns 1, or 0 for a stranger
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('DEL', KEYS[3])
  redis.call('RPUSH', KEYS[3], 'free')
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
return 1
