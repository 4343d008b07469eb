-- Put a player of a board into a group, or out of one, in every ranking at once.
-- KEYS[1] board hash  KEYS[2] set of periods  KEYS[3] hash player -> group
-- KEYS[4..] three per ranking: sorted set, runs, levels; last the hash of rankings that are not archived
-- ARGV[1] revision  ARGV[2] channel  ARGV[3] board  ARGV[4] the board's rules as JSON  ARGV[5] player
-- ARGV[6] group, '' for none  ARGV[7..] per ranking: period id
-- Returns {'ok', the group before or ''}, or {'revision'} (the board was changed, or one more period opened: read them again)
local rules = cjson.decode(ARGV[4])
--@ runs.lua ranks.lua moves.lua besides.lua archive.lua
local hash, player, group = KEYS[1], ARGV[5], ARGV[6]
if redis.call('HGET', hash, 'revision') ~= ARGV[1] or redis.call('SCARD', KEYS[2]) ~= (#KEYS - 4) / 3 then
  return {'revision'}
end
local before = redis.call('HGET', KEYS[3], player) or ''
if before == group then return {'ok', before} end
local version, any = tonumber(redis.call('HGET', hash, 'version') or 0) + 1, false
for i = 4, #KEYS - 1, 3 do
  local run = find_run(KEYS[i], KEYS[i + 1], player, false)
  if run then
    any = true
    if before ~= '' then move_in_group(KEYS[i], KEYS[i + 2], before, player, run, nil) end
    if group ~= '' then move_in_group(KEYS[i], KEYS[i + 2], group, player, nil, run) end
    note_change(KEYS[#KEYS], ARGV[7 + (i - 4) / 3], version, unpack(KEYS, i, i + 2))
  end
end
if group == '' then redis.call('HDEL', KEYS[3], player) else redis.call('HSET', KEYS[3], player, group) end
if any then
  redis.call('HINCRBY', hash, 'version', 1)
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return {'ok', before}
