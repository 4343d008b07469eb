-- Take from several quotas at once, by Redis' own clock: from all of them, or from none where one refuses.
-- KEYS[1..] the state of each claim's quota for its subject, no key twice
-- ARGV[1..] per claim: 'gcra', 'sliding' or 'fixed'; count; window in us; how many to take (0 only looks)
-- Returns {now in us, one reply per claim}: {allowed 0|1, how many are left, us until there are more, us until all are
--   free, us until as many as asked are free (-1: that many never are)}
-- Each quota q has after `read`: free, and the waits `more`, `whole` and `wait(n)`. A stored time that lies ahead of the
-- clock means that the clock was set back; it never costs more than one window.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function ms(us) return text(math.ceil(us / 1000) + 1) end
local gcra, sliding, fixed = {}, {}, {}

-- GCRA: the key is the theoretical arrival time, `due`, as whole us and `part` of count-ths of one: exact, however odd
function gcra.read(q)
  local due, part = string.match(redis.call('GET', q.key) or '0 0', '(%d+) (%d+)')
  q.due, q.part = tonumber(due), tonumber(part)
  if q.due < now then q.due, q.part = now, 0 end
  if q.due >= now + q.window then q.due, q.part = now + q.window, 0 end
  local debt = q.due - now
  q.free = math.floor(((q.window - debt) * q.count - q.part) / q.window)
  q.whole = debt + math.ceil(q.part / q.count)
  q.wait = function(n) return math.max(0, math.ceil((n * q.window + q.part) / q.count) - q.window + debt) end
  q.more = q.whole > 0 and q.wait(q.free + 1) or 0
end
function gcra.take(q)
  local sum = q.n * q.window + q.part
  q.due, q.part = q.due + math.floor(sum / q.count), sum % q.count
  redis.call('SET', q.key, text(q.due) .. ' ' .. text(q.part), 'PX', ms(q.due - now))
end

-- Sliding window: the key is an exact log, total, time, total, time, ..., total: what was taken between two totals
function sliding.read(q)
  local function at(i) return tonumber(redis.call('LINDEX', q.key, 2 * i - 1)) end
  local function total(i) return tonumber(redis.call('LINDEX', q.key, 2 * i)) end
  local function first(low, high, fits)
    while low < high do
      local middle = math.floor((low + high) / 2)
      if fits(middle) then high = middle else low = middle + 1 end
    end
    return low
  end
  local last = (redis.call('LLEN', q.key) - 1) / 2
  if last < 1 then
    q.gone, q.sum, q.free, q.more, q.whole = nil, 0, q.count, 0, 0
    q.wait = function() return 0 end
    return
  end
  if at(last) > now then
    local sum = total(last) - total(0)
    redis.call('DEL', q.key)
    redis.call('RPUSH', q.key, 0, text(now), text(sum))
    redis.call('PEXPIRE', q.key, ms(q.window))
    last = 1
  end
  local oldest = first(1, last + 1, function(i) return at(i) > now - q.window end)
  local before = total(oldest - 1)
  q.gone, q.sum = oldest - 1, total(last)
  q.free = q.count - (q.sum - before) -- below 0 where the count was lowered
  q.more = oldest <= last and at(oldest) + q.window - now or 0
  q.whole = oldest <= last and at(last) + q.window - now or 0
  q.wait = function(n)
    if n <= q.free then return 0 end
    return at(first(oldest, last, function(i) return total(i) - before >= n - q.free end)) + q.window - now
  end
end
function sliding.take(q)
  if q.gone then redis.call('LTRIM', q.key, 2 * q.gone, -1) else redis.call('RPUSH', q.key, 0) end
  redis.call('RPUSH', q.key, text(now), text(q.sum + q.n))
  redis.call('PEXPIRE', q.key, ms(q.window))
end

-- Fixed window: the key is a plain counter that ends with its window, which began with its first taker
function fixed.read(q)
  local used = redis.call('GET', q.key)
  local left = redis.call('PTTL', q.key) * 1000
  if left == 0 then left = 1000 end -- a key lives until its last ms is over
  if used and (left < 0 or left > q.window) then -- another writer forgot its end, or the clock was set back
    redis.call('PEXPIRE', q.key, q.window / 1000)
    left = q.window
  end
  q.used, q.free = used, math.max(0, q.count - (used or 0))
  q.more, q.whole = used and left or 0, used and left or 0
  q.wait = function(n) return n <= q.free and 0 or left end
end
function fixed.take(q)
  if q.used then redis.call('INCRBY', q.key, q.n) else redis.call('SET', q.key, q.n, 'PX', q.window / 1000) end
end

local algorithms, quotas, taken = {gcra = gcra, sliding = sliding, fixed = fixed}, {}, true
for i, key in ipairs(KEYS) do
  local a = 4 * i - 3
  local q = {key = key, kind = algorithms[ARGV[a]], count = tonumber(ARGV[a + 1])}
  q.window, q.n = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  q.kind.read(q)
  q.allowed, quotas[i] = q.n <= math.max(0, q.free), q
  q.asked = q.allowed and 0 or q.n > q.count and -1 or q.wait(q.n)
  taken = taken and q.allowed
end
local reply = {text(now)}
for i, q in ipairs(quotas) do
  if taken and q.n > 0 then
    q.kind.take(q)
    q.kind.read(q)
  end
  reply[i + 1] = {q.allowed and 1 or 0, text(math.max(0, q.free)), text(q.more), text(q.whole), text(q.asked)}
end
return reply
