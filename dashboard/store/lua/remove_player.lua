-- Take a player off every period of a board; ranks close at once and the audit stream says who, why and what.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] audit stream  KEYS[4] set of periods  KEYS[5..] rankings
-- ARGV[1] channel  ARGV[2] board  ARGV[3] player  ARGV[4] reason  ARGV[5] by whom  ARGV[6..] per ranking: period id
-- Returns {'ok', periods left, event id}, {'absent'}, or {'periods'} (one more was opened: read them again)
if redis.call('SCARD', KEYS[4]) ~= #KEYS - 4 then return {'periods'} end
local held = {}
for i = 5, #KEYS do
  local score = redis.call('ZSCORE', KEYS[i], ARGV[3])
  if score then
    held[#held + 1], held[#held + 2] = ARGV[i + 1], score
    redis.call('ZREM', KEYS[i], ARGV[3])
  end
end
if #held == 0 then return {'absent'} end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'removed', ARGV[3], 'reason', ARGV[4], 'by', ARGV[5], 'held', cjson.encode(held))
local position = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'removed', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'position', position)
redis.call('PUBLISH', ARGV[1], ARGV[2])
return {'ok', #held / 2, position}
