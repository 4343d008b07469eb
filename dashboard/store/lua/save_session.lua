-- Write the changed fields of a session, and only these, and let its idle time begin anew; one that has ended stays ended.
-- KEYS[1] session  KEYS[2] index of its role  KEYS[3] index of its owner
-- ARGV[1] handle  ARGV[2] how many fields are set  ARGV[3..] field, value, ..., then the fields that go
-- Returns 1, or 0 where the session has ended
local ends, idle = unpack(redis.call('HMGET', KEYS[1], '@ends', '@idle'))
if not ends then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = string.format('%.0f', math.min(now + idle, tonumber(ends)))
local last = 2 + 2 * ARGV[2]
for i = 3, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('HSET', KEYS[1], '@seen', string.format('%.0f', now))
redis.call('PEXPIREAT', KEYS[1], due)
redis.call('ZADD', KEYS[2], due, ARGV[1])
redis.call('ZADD', KEYS[3], due, ARGV[1])
return 1
