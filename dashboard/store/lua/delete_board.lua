-- Delete a board with all its keys, if the caller knows them all.
-- KEYS[1] board hash  KEYS[2] set of periods  KEYS[3..] every other key of the board, last
--   three per ranking: sorted set, runs, levels
-- ARGV[1] channel  ARGV[2] board  ARGV[3] revision  ARGV[4] how many periods the caller knows
-- Returns 'ok', 'absent', or 'revision' (it was changed, or one more period opened: read them again)
--@ besides.lua
local revision = redis.call('HGET', KEYS[1], 'revision')
if not revision then return 'absent' end
if revision ~= ARGV[3] or redis.call('SCARD', KEYS[2]) ~= tonumber(ARGV[4]) then return 'revision' end
for i = #KEYS + 1 - 3 * ARGV[4], #KEYS, 3 do
  for _, key in ipairs(find_besides(KEYS[i], KEYS[i + 2])) do redis.call('UNLINK', key) end
end
for i = 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 'ok'
