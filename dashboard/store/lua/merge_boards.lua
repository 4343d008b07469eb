-- Make the ranking of a merged board anew, where one of its boards changed since it was made.
-- KEYS[1] board hash  KEYS[2] merged ranking  KEYS[3] when and of what it was made  KEYS[4..] two per source: board hash, ranking
-- ARGV[1] revision  ARGV[2] ZUNIONSTORE or ZINTERSTORE  ARGV[3] SUM, MIN or MAX  ARGV[4] for how long it is kept, s
-- ARGV[5..] two per source: weight, revision as the caller saw it ('' = the board is absent)
-- Returns 1 (made), 0 (was new enough) or 'revision' (the board or a source was changed)
-- A large one takes long, so it is made again only after twenty times as long: at about a microsecond for each row.
local MAX, LARGE, ROWS_PER_MS = '9007199254740991', 10000, 50
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 'revision' end
local of, call, weights, rows = {ARGV[1]}, {ARGV[2], KEYS[2], (#KEYS - 3) / 2}, {}, 0
for i = 4, #KEYS, 2 do
  local stored = redis.call('HMGET', KEYS[i], 'revision', 'life', 'version')
  if (stored[1] or '') ~= ARGV[2 + i] then return 'revision' end
  of[#of + 1] = (stored[2] or '') .. ':' .. (stored[3] or '')
  call[#call + 1], weights[#weights + 1] = KEYS[i + 1], ARGV[1 + i]
  rows = rows + redis.call('ZCARD', KEYS[i + 1])
end
local time, text = redis.call('TIME'), table.concat(of, ' ')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, was = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (.*)$')
local lately = was and rows > LARGE and math.abs(now - at) < rows / ROWS_PER_MS
if was == text or lately and string.sub(was, 1, #ARGV[1]) == ARGV[1] then
  redis.call('EXPIRE', KEYS[3], ARGV[4])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  return 0
end
call[#call + 1] = 'WEIGHTS'
for _, weight in ipairs(weights) do call[#call + 1] = weight end
call[#call + 1], call[#call + 2] = 'AGGREGATE', ARGV[3]
redis.call(unpack(call))
local function hold(from, to, bound) -- what leaves the whole numbers stands at their end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], from, to)) do redis.call('ZADD', KEYS[2], bound, member) end
end
hold('(' .. MAX, '+inf', MAX)
hold('-inf', '(-' .. MAX, '-' .. MAX)
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('SET', KEYS[3], string.format('%.0f ', now) .. text, 'EX', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1
