-- Put a player who was removed or hidden back where they stood; what was posted meanwhile counts too, by the board's rule.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] audit stream  KEYS[4] set of periods  KEYS[5] hash of those set aside
-- KEYS[6..] three per ranking of the record: sorted set, runs, levels; last the hash of rankings that are not archived
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] the board's rules as JSON  ARGV[5] player  ARGV[6] reason
-- ARGV[7] by whom  ARGV[8] the record as the caller read it  ARGV[9..] per ranking: period id
-- Returns {'ok', periods, event id}, or {'revision'} (the board or the record was changed: read them again)
local rules = cjson.decode(ARGV[4])
--@ runs.lua decay.lua ranks.lua moves.lua combine.lua besides.lua archive.lua
local hash, events, audit, periods, apart = unpack(KEYS, 1, 5)
local player = ARGV[5]
if redis.call('HGET', hash, 'revision') ~= ARGV[1] or redis.call('HGET', apart, player) ~= ARGV[8] then
  return {'revision'}
end
local aside, count = cjson.decode(ARGV[8]), 0
local version = tonumber(redis.call('HGET', hash, 'version') or 0) + 1
for i = 6, #KEYS - 1, 3 do
  local period = ARGV[7 + i / 3]
  local now = find_run(KEYS[i], KEYS[i + 1], player, false)
  move_run(KEYS[i], KEYS[i + 1], KEYS[i + 2], player, now, merge_runs(read_kept(aside.held[period]), now))
  redis.call('SADD', periods, period)
  note_change(KEYS[#KEYS], period, version, unpack(KEYS, i, i + 2))
  count = count + 1
end
redis.call('HDEL', apart, player)
if aside.how == 'hidden' and redis.call('HINCRBY', hash, 'hidden', -1) == 0 then redis.call('HDEL', hash, 'hidden') end
redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', 'restored', player, 'reason', ARGV[6], 'by', ARGV[7])
local position = redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'restored', player)
redis.call('HINCRBY', hash, 'version', 1)
redis.call('HSET', hash, 'position', position)
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {'ok', count, position}
