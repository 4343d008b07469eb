-- Claim a request that is to happen once: whoever gets it does it, all others wait for its answer.
-- KEYS[1] claim
-- ARGV[1] print of its body  ARGV[2] token  ARGV[3] ms after which somebody else may do it  ARGV[4] ms it is remembered
-- Returns {'mine'}, {'running'}, {'done', answer}, or {'conflict'} where it came with another body
local print, until_ms, answer = unpack(redis.call('HMGET', KEYS[1], 'print', 'until', 'answer'))
if print and print ~= ARGV[1] then return {'conflict'} end
if answer then return {'done', answer} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if until_ms and now < tonumber(until_ms) then return {'running'} end
redis.call('HSET', KEYS[1], 'print', ARGV[1], 'token', ARGV[2], 'until', string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'mine'}
