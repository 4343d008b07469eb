-- Find a cached entry, and lease its load to the caller where a load is due and nobody has the lease.
-- KEYS[1] entry
-- ARGV[1] token of the caller's lease  ARGV[2] its length in ms, 0 for none
-- ARGV[3] eagerness -beta * ln(random): the entry counts as due that many load times before it is (XFetch)
-- Returns {state, kind, value, age ms, fresh for ms, lease, lease left ms}; state is 'fresh', 'stale' (due, may be
--   served), 'spare' (may be served if the load fails) or 'none'; kind 'value', 'absent' or ''; lease the caller's
--   token if it was granted now, another's, or ''
local stored = redis.call('HMGET', KEYS[1], 'kind', 'value', 'made', 'fresh', 'stale', 'keep', 'delta', 'lease',
  'leased_until', 'hold')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function number(i) return tonumber(stored[i] or 0) end
local function text(ms) return string.format('%.0f', ms) end

local state = 'none'
if stored[1] and now < number(6) then
  if now + number(7) * tonumber(ARGV[3]) < number(4) then state = 'fresh'
  elseif now < number(5) then state = 'stale'
  else state = 'spare' end
end

local lease, left = stored[8] or '', number(9) - now
if left <= 0 then lease, left = '', 0 end
if state ~= 'fresh' and lease == '' and tonumber(ARGV[2]) > 0 then
  lease, left = ARGV[1], tonumber(ARGV[2])
  local hold = number(10) > now and text(number(10)) or ''
  redis.call('HSET', KEYS[1], 'lease', lease, 'leased_at', text(now), 'leased_until', text(now + left), 'leased_hold', hold)
  if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
end

if state == 'none' then return {state, '', '', 0, 0, lease, left} end
return {state, stored[1], stored[2], now - number(3), number(4) - now, lease, left}
