-- Take a lock if it is free.
-- KEYS[1] lock hash  KEYS[2] record hash  KEYS[3] waiters sorted set
-- ARGV[1] token  ARGV[2] owner, for people to read  ARGV[3] ttl in ms  ARGV[4] ms the caller goes on waiting, 0 = not
-- ARGV[5] '1' at the caller's first try  ARGV[6] ms for which the record is kept
-- Returns {1, fence}, or {0, ms until the lock ends if nobody renews it}
local time = redis.call('TIME')
local now_ms, now_us = time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
if redis.call('EXISTS', KEYS[1]) == 1 then
  if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[2], 'contended', 1) end
  if ARGV[4] ~= '0' then
    redis.call('ZADD', KEYS[3], now_ms + ARGV[4], ARGV[1])
    redis.call('PEXPIRE', KEYS[3], ARGV[6])
  end
  return {0, redis.call('PTTL', KEYS[1])}
end
-- above every fence before it: by the record, and once that has expired by the clock
local fence = string.format('%.0f', math.max(tonumber(redis.call('HGET', KEYS[2], 'fence') or 0) + 1, now_us))
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'owner', ARGV[2], 'fence', fence, 'ttl', ARGV[3], 'since', string.format('%.0f', now_ms))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 'fence', fence)
redis.call('HINCRBY', KEYS[2], 'acquired', 1)
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('ZREM', KEYS[3], ARGV[1])
return {1, fence}
