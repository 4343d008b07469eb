-- Find the rank that a new player would get in one ranking by a score.
-- KEYS[1] board hash  KEYS[2] ranking  KEYS[3] its levels
-- ARGV[1] the board's rules as JSON  ARGV[2] score  ARGV[3..] its columns
-- Returns {revision or '', version, players, rank}
local rules = cjson.decode(ARGV[1])
--@ runs.lua ranks.lua
local stored, values = redis.call('HMGET', KEYS[1], 'revision', 'version'), {}
for i = 3, #ARGV do values[i - 2] = tonumber(ARGV[i]) end
local score = text(math.max(rules.min or -MAX, math.min(rules.max or MAX, tonumber(ARGV[2])))) -- as the board would hold it
local prefix, rank = make_prefix(values, 0, 0), nil
if rules.ties == 'shared' then rank = count_better(KEYS[2], score, prefix) + 1
elseif rules.ties == 'dense' then rank = count_before(KEYS[3], score, level_of(score, prefix)) + 1
else rank = count_until(KEYS[2], score, prefix) + 1 end
return {stored[1] or '', stored[2] or '0', redis.call('ZCARD', KEYS[2]), rank}
