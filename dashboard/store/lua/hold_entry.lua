-- Begin a write of the source: forget the entry, take every loader's lease, and let nothing outlive the hold.
-- KEYS[1] entry
-- ARGV[1] token of the writer  ARGV[2] length of the hold, ms
-- Returns ms until the hold ends by itself
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'hold', 'writer')
local ends, writer = now + tonumber(ARGV[2]), ARGV[1]
if tonumber(stored[1] or 0) > now then -- another write is under way: both run out by themselves
  ends, writer = math.max(ends, tonumber(stored[1])), 'several'
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'hold', string.format('%.0f', ends), 'writer', writer)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ends - now))
return ends - now
