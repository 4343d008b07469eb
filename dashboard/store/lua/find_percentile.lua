-- Find the last run of one ranking whose percentile is at least so much.
-- KEYS[1] board hash  KEYS[2] ranking  KEYS[3] its levels
-- ARGV[1] the board's rules as JSON  ARGV[2] the percentile in ten-thousandths of a percent
-- Returns {revision or '', version, players, rank, member or level, score}; without the last three where nobody plays
local rules = cjson.decode(ARGV[1])
--@ runs.lua ranks.lua
local stored, players = redis.call('HMGET', KEYS[1], 'revision', 'version'), redis.call('ZCARD', KEYS[2])
local reply = {stored[1] or '', stored[2] or '0', players}
if players == 0 then return reply end
local rank = players - math.ceil(ARGV[2] * (players - 1) / 1000000) -- the worst rank that still has it
if rules.ties == 'dense' then
  rank = math.min(rank, redis.call('ZCARD', KEYS[3]))
  local level = redis.call(range, KEYS[3], rank - 1, rank - 1, 'WITHSCORES')
  reply[4], reply[5], reply[6] = rank, level[1], level[2]
else
  local row = read_rows(KEYS[2], KEYS[3], rank - 1, rank - 1)
  reply[4], reply[5], reply[6] = row[3], row[1], row[2]
end
return reply
