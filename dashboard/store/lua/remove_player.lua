-- Take a player off every period of a board; ranks close at once and the audit stream says who, why and what.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] audit stream  KEYS[4] set of periods  KEYS[5..] rankings
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] player  ARGV[5] reason  ARGV[6] by whom
-- ARGV[7..] per ranking: period id
-- Returns {'ok', periods left, event id}, {'absent'}, or {'revision'} (the board was changed, or one more period opened:
--   read them again)
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] or redis.call('SCARD', KEYS[4]) ~= #KEYS - 4 then
  return {'revision'}
end
local held = {}
for i = 5, #KEYS do
  local score = redis.call('ZSCORE', KEYS[i], ARGV[4])
  if score then
    held[#held + 1], held[#held + 2] = ARGV[i + 2], score
    redis.call('ZREM', KEYS[i], ARGV[4])
  end
end
if #held == 0 then return {'absent'} end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'removed', ARGV[4], 'reason', ARGV[5], 'by', ARGV[6], 'held', cjson.encode(held))
local position = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'removed', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'position', position)
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {'ok', #held / 2, position}
