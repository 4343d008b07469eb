-- Count a board's new score events into its buckets. Reading, effect and acknowledgement are one step: nothing is ever
-- counted twice or lost between them, whoever dies.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] fates hash  KEYS[4] totals hash  KEYS[5] players active lately
-- KEYS[6..] the minutes' hashes, a ring
-- ARGV[1] group  ARGV[2] consumer  ARGV[3] at most how many entries
-- ARGV[4] take over what others left pending for so many ms ('' = not now)
-- Returns {entries read, id, id, ...}: the ids of malformed entries, which are pending now
local hash, events, fates, totals, active = unpack(KEYS, 1, 5)
local WINDOW_MS, TTL_S, RING = 300000, 600, #KEYS - 5
if redis.call('EXISTS', events) == 0 then return {0} end
local command = {'XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'NOACK', 'STREAMS', events, '>'}
local read = redis.pcall(unpack(command))
if read and read.err then
  redis.call('XGROUP', 'CREATE', events, ARGV[1], '0') -- fails where the error was another one
  read = redis.call(unpack(command))
end
local entries, left = read and read[1][2] or {}, {}
if ARGV[4] ~= '' then
  for _, pending in ipairs(redis.call('XPENDING', events, ARGV[1], 'IDLE', ARGV[4], '-', '+', ARGV[3])) do
    local entry = redis.call('XRANGE', events, pending[1], pending[1])[1]
    if entry then entries[#entries + 1], left[pending[1]] = entry, true end
    if not entry then redis.call('XACK', events, ARGV[1], pending[1]) end -- trimmed meanwhile: missed
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply, counted, minutes, seen = {#entries}, 0, {}, {}
local bins, seconds = {}, {} -- remembered: most events of a batch fall into few of them

local function bin(score) -- the lower bound: 0, or 1, 2 or 5 times a power of ten; negative ones mirrored
  if score == '0' then return 'b0' end
  local sign, digits = string.match(score, '^(-?)(%d+)$')
  local first = tonumber(string.sub(digits, 1, 1))
  return 'b' .. sign .. (first >= 5 and '5' or first >= 2 and '2' or '1') .. string.rep('0', #digits - 1)
end

for _, entry in ipairs(entries) do
  local id, flat = entry[1], entry[2]
  local player, score, again = flat[2], flat[4], nil
  if #flat ~= 8 or flat[1] ~= 'player' or flat[3] ~= 'score' then -- not as our own script writes it
    local fields = {}
    for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
    player, score, again = fields.player, fields.score, fields['retry-of']
    if fields.removed or fields.restored then player, score = nil, '' end
  end
  if player and score and #score < 18 and (string.match(score, '^-?[1-9]%d*$') or score == '0') then
    local second = math.floor(string.match(id, '^%d+') / 1000)
    local place = seconds[second]
    if not place then
      place = {adds = minutes[math.floor(second / 60)] or {}, field = 's' .. second % 60}
      minutes[math.floor(second / 60)], seconds[second] = place.adds, place
    end
    local shape = #score .. string.sub(score, 1, 2)
    local into = bins[shape] or bin(score)
    bins[shape], counted = into, counted + 1
    place.adds[place.field] = (place.adds[place.field] or 0) + 1
    place.adds[into] = (place.adds[into] or 0) + 1
    if (seen[player] or 0) < second then seen[player] = second end
  elseif score ~= '' then
    redis.call('XCLAIM', events, ARGV[1], ARGV[2], 0, id, 'FORCE', 'JUSTID')
    reply[#reply + 1], left[id] = id, nil
  end
  if left[id] then redis.call('XACK', events, ARGV[1], id) end
  if again then redis.call('HDEL', fates, again) end
end

for minute, adds in pairs(minutes) do
  local key = KEYS[6 + minute % RING]
  local held = tonumber(redis.call('HGET', key, 'minute') or 0)
  if minute >= held and (minute + RING) * 60000 > now then
    if minute > held then redis.call('DEL', key) end
    redis.call('HSET', key, 'minute', string.format('%.0f', minute))
    for field, count in pairs(adds) do redis.call('HINCRBY', key, field, count) end
    redis.call('EXPIRE', key, TTL_S)
  end
end
local scored = {}
for player, second in pairs(seen) do
  scored[#scored + 1], scored[#scored + 2] = string.format('%.0f', second * 1000), player
end
if counted > 0 then
  redis.call('ZADD', active, 'GT', unpack(scored))
  redis.call('ZREMRANGEBYSCORE', active, '-inf', string.format('(%.0f', now - WINDOW_MS))
  redis.call('EXPIRE', active, TTL_S)
  redis.call('HINCRBY', totals, 'counted', counted)
end
if #entries < tonumber(ARGV[3]) then -- all is read: what was taken and never counted was trimmed before we came
  local was = redis.call('HMGET', totals, 'counted', 'missed')
  local missed = math.max(0, (redis.call('HGET', hash, 'scores') or 0) - (was[1] or 0))
  if missed ~= tonumber(was[2] or 0) then redis.call('HSET', totals, 'missed', missed) end
end
return reply
