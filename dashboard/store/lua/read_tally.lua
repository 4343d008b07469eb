-- Read a board's buckets of score events.
-- KEYS[1] totals hash  KEYS[2] players active lately  KEYS[3..] the minutes' hashes, a ring
-- ARGV[1] seconds of one point  ARGV[2] how many points
-- Returns {now ms, counted, missed, players active, events in the last 5 closed seconds, then the points (closed,
--   oldest first), then bin, count, bin, count, ...}; {now ms} where nothing came within the ring's time
local time = redis.call('TIME')
local now = tonumber(time[1])
local step, points, seconds, bins, any = tonumber(ARGV[1]), tonumber(ARGV[2]), {}, {}, false
local reply = {string.format('%.0f', now * 1000 + math.floor(time[2] / 1000))}
for i = 3, #KEYS do
  local flat = redis.call('HGETALL', KEYS[i])
  local minute
  for f = 1, #flat, 2 do
    if flat[f] == 'minute' then minute = tonumber(flat[f + 1]) end
  end
  if minute and minute > math.floor(now / 60) - (#KEYS - 2) then
    any = true
    for f = 1, #flat, 2 do
      local kind, rest, count = string.sub(flat[f], 1, 1), string.sub(flat[f], 2), tonumber(flat[f + 1])
      if kind == 's' then seconds[minute * 60 + rest] = count end
      if kind == 'b' then bins[rest] = (bins[rest] or 0) + count end
    end
  end
end
if not any then return reply end

local function sum(from, count)
  local total = 0
  for second = from, from + count - 1 do total = total + (seconds[second] or 0) end
  return total
end

local totals = redis.call('HMGET', KEYS[1], 'counted', 'missed')
reply[2], reply[3] = totals[1] or '0', totals[2] or '0'
reply[4] = redis.call('ZCOUNT', KEYS[2], string.format('%.0f', (now - step * points) * 1000), '+inf')
reply[5] = sum(now - 5, 5)
local open = now - now % step
for point = points, 1, -1 do reply[#reply + 1] = sum(open - point * step, step) end
for bin, count in pairs(bins) do reply[#reply + 1], reply[#reply + 2] = bin, count end
return reply
