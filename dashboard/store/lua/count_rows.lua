-- Count the rows of one ranking that stand before some rows of others.
-- KEYS[1] board hash  KEYS[2] ranking
-- ARGV[1] the board's rules as JSON  ARGV[2] 'place' or, where ranks are shared, 'rank': before all of the same result
-- ARGV[3..] score, member, score, member, ...
-- Returns {revision or '', version, players, count, count, ...}
local rules = cjson.decode(ARGV[1])
--@ runs.lua ranks.lua
local stored = redis.call('HMGET', KEYS[1], 'revision', 'version')
local reply = {stored[1] or '', stored[2] or '0', redis.call('ZCARD', KEYS[2])}
for i = 3, #ARGV, 2 do
  local count = ARGV[2] == 'rank' and rules.ties == 'shared' and count_better or count_before
  reply[#reply + 1] = count(KEYS[2], ARGV[i], ARGV[i + 1])
end
return reply
