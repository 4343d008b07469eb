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

local function bin(score) -- the lower bound of its bin: 0, or 1, 2 or 5 times a power of ten, negative ones mirrored
  local sign, digits = string.match(score, '^(-?)0*(%d+)$')
  local first = tonumber(string.sub(digits, 1, 1))
  if first == 0 then return '0' end
  return sign .. (first >= 5 and '5' or first >= 2 and '2' or '1') .. string.rep('0', #digits - 1)
end

for _, entry in ipairs(entries) do
  local id, flat, fields = entry[1], entry[2], {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  local player, score = fields.player, fields.score
  if player and score and #score < 18 and string.match(score, '^-?%d+$') then
    local ms = tonumber(string.match(id, '^%d+'))
    local minute, second = math.floor(ms / 60000), 's' .. math.floor(ms / 1000) % 60
    local adds = minutes[minute] or {}
    local into = 'b' .. bin(score)
    minutes[minute], counted = adds, counted + 1
    adds[second], adds[into] = (adds[second] or 0) + 1, (adds[into] or 0) + 1
    seen[player] = math.max(ms, seen[player] or 0)
  elseif not fields.removed then
    redis.call('XCLAIM', events, ARGV[1], ARGV[2], 0, id, 'FORCE', 'JUSTID')
    reply[#reply + 1], left[id] = id, nil
  end
  if left[id] then redis.call('XACK', events, ARGV[1], id) end
  if fields['retry-of'] then redis.call('HDEL', fates, fields['retry-of']) end
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
for player, ms in pairs(seen) do redis.call('ZADD', active, 'GT', string.format('%.0f', ms), player) end
if counted > 0 then
  redis.call('ZREMRANGEBYSCORE', active, '-inf', string.format('(%.0f', now - WINDOW_MS))
  redis.call('EXPIRE', active, TTL_S)
  counted = redis.call('HINCRBY', totals, 'counted', counted)
  if #entries < tonumber(ARGV[3]) then -- all is read: what was taken and not counted was trimmed before we came
    redis.call('HSET', totals, 'missed', math.max(0, (redis.call('HGET', hash, 'scores') or 0) - counted))
  end
end
return reply
