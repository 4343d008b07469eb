-- Take a player off every period of a board; ranks close at once and the audit stream says who, why and what.
-- KEYS[1] board hash  KEYS[2] events stream  KEYS[3] audit stream  KEYS[4] set of periods  KEYS[5] hash of those set aside
-- KEYS[6..] three per ranking: sorted set, runs, levels; last the hash of rankings that are not archived
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] the board's rules as JSON  ARGV[5] player  ARGV[6] reason
-- ARGV[7] by whom  ARGV[8] 'removed', or 'hidden': what is posted later counts where nobody sees it
-- ARGV[9..] per ranking: period id
-- Returns {'ok', periods left, event id}, {'absent'}, or {'revision'} (the board was changed, or one more period opened:
--   read them again)
local rules = cjson.decode(ARGV[4])
--@ runs.lua decay.lua ranks.lua moves.lua combine.lua besides.lua archive.lua
local hash, events, audit, periods, apart = unpack(KEYS, 1, 5)
local player, how = ARGV[5], ARGV[8]
if redis.call('HGET', hash, 'revision') ~= ARGV[1] or redis.call('SCARD', periods) ~= (#KEYS - 6) / 3 then
  return {'revision'}
end
local aside = cjson.decode(redis.call('HGET', apart, player) or '{}')
local held, count, said = {}, 0, {}
local version = tonumber(redis.call('HGET', hash, 'version') or 0) + 1
for i = 6, #KEYS - 1, 3 do
  local run, period = find_run(KEYS[i], KEYS[i + 1], player, false), ARGV[7 + i / 3]
  if run then
    move_run(KEYS[i], KEYS[i + 1], KEYS[i + 2], player, run, nil)
    note_change(KEYS[#KEYS], period, version, unpack(KEYS, i, i + 2))
    held[period], count = keep_run(run), count + 1
    said[#said + 1], said[#said + 2] = period, text(run.score)
  end
end
local is, was = how == 'hidden', aside.how == 'hidden'
if count == 0 and (is or not was) then return {'absent'} end
for period, kept in pairs(aside.held or {}) do -- set aside before, and came back
  held[period] = keep_run(merge_runs(read_kept(kept), read_kept(held[period])))
end
if is ~= was and redis.call('HINCRBY', hash, 'hidden', is and 1 or -1) == 0 then redis.call('HDEL', hash, 'hidden') end
local position = redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'removed', player)
local at = string.match(position, '%d+') -- what history shows of before is without them
redis.call('HSET', apart, player, cjson.encode({how = how, reason = ARGV[6], by = ARGV[7], held = held, at = at}))
redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', how, player, 'reason', ARGV[6], 'by', ARGV[7], 'held', cjson.encode(said))
redis.call('HINCRBY', hash, 'version', 1)
redis.call('HSET', hash, 'position', position)
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {'ok', count, position}
