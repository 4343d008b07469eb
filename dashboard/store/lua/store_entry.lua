-- Store what was loaded under a lease, unless the lease was taken away since (by a write, or by a later loader).
-- KEYS[1] entry
-- ARGV[1] token of the lease  ARGV[2] kind 'value' or 'absent'  ARGV[3] value
-- ARGV[4] ARGV[5] ARGV[6] ms from now: fresh, may be served while one refreshes, may be served if the load fails
-- ARGV[7] how long the load took, ms
-- Returns ms for which it is fresh, or -1 where it was refused
local stored = redis.call('HMGET', KEYS[1], 'lease', 'leased_at', 'leased_hold', 'hold')
if stored[1] ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[1], 'lease', 'leased_at', 'leased_until', 'leased_hold')

-- Begun while a write was under way: the value may be older than that write, so it lives no longer than the hold.
local hold = tonumber(stored[4] or 0)
if stored[3] ~= '' and hold <= now then return -1 end
local function ends(ms)
  local at = now + tonumber(ms)
  if hold > now then at = math.min(at, hold) end
  return string.format('%.0f', at)
end
redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'value', ARGV[3], 'made', stored[2], 'delta', ARGV[7],
  'fresh', ends(ARGV[4]), 'stale', ends(ARGV[5]), 'keep', ends(ARGV[6]))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.max(ends(ARGV[6]), hold)))
return ends(ARGV[4]) - now
