-- End a write of the source: forget what was loaded meanwhile, take every loader's lease, and end the writer's hold.
-- KEYS[1] entry
-- ARGV[1] token of the writer; '' where somebody else wrote and there is no hold
-- Returns 1 where no hold is left, else 0
local stored = redis.call('HMGET', KEYS[1], 'hold', 'writer')
redis.call('DEL', KEYS[1])
if not stored[1] or stored[2] == ARGV[1] then return 1 end
local time = redis.call('TIME')
local ms = tonumber(stored[1]) - time[1] * 1000 - math.floor(time[2] / 1000)
if ms <= 0 then return 1 end
redis.call('HSET', KEYS[1], 'hold', stored[1], 'writer', stored[2])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ms))
return 0
