-- Begin a session. Its time runs by Redis' own clock.
-- KEYS[1] session  KEYS[2] index of its role  KEYS[3] index of its owner
-- ARGV[1] handle  ARGV[2] ms it may lie idle  ARGV[3] ms it lives at most  ARGV[4..] field, value, field, value, ...
-- Returns 1, or 0 where there is such a session already
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local ends = now + ARGV[3]
local due = text(math.min(now + ARGV[2], ends))
redis.call('HSET', KEYS[1], '@since', text(now), '@seen', text(now), '@ends', text(ends), '@idle', ARGV[2], unpack(ARGV, 4))
redis.call('PEXPIREAT', KEYS[1], due)
redis.call('ZADD', KEYS[2], due, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
redis.call('ZADD', KEYS[3], due, ARGV[1])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[3], ARGV[3]) end
return 1
