-- Make the ranking of a merged board anew, where one of its boards changed since it was made.
-- KEYS[1] board hash  KEYS[2] merged ranking  KEYS[3] of what it was made  KEYS[4..] two per source: board hash, ranking
-- ARGV[1] revision  ARGV[2] ZUNIONSTORE or ZINTERSTORE  ARGV[3] SUM, MIN or MAX  ARGV[4] for how long it is kept, s
-- ARGV[5..] a weight per source
-- Returns 1 (made), 0 (was up to date) or 'revision' (the board was changed)
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 'revision' end
local made, sources, weights = {ARGV[1]}, {}, {}
for i = 4, #KEYS, 2 do
  local at = redis.call('HMGET', KEYS[i], 'life', 'version')
  made[#made + 1] = (at[1] or '') .. ':' .. (at[2] or '')
  sources[#sources + 1], weights[#weights + 1] = KEYS[i + 1], ARGV[5 + (i - 4) / 2]
end
local text = table.concat(made, ' ')
local same = redis.call('GET', KEYS[3]) == text
if not same then
  local call = {ARGV[2], KEYS[2], #sources}
  for _, key in ipairs(sources) do call[#call + 1] = key end
  call[#call + 1] = 'WEIGHTS'
  for _, weight in ipairs(weights) do call[#call + 1] = weight end
  call[#call + 1], call[#call + 2] = 'AGGREGATE', ARGV[3]
  redis.call(unpack(call))
  redis.call('HINCRBY', KEYS[1], 'version', 1)
end
redis.call('SET', KEYS[3], text, 'EX', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return same and 0 or 1
